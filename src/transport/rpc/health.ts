import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { onAbort } from "../../core/signals.ts";
import { AgentService } from "../../gen/agent_pb.ts";
import {
  type Health,
  type HealthCheckRequest,
  HealthCheckResponse_ServingStatus as Status,
} from "../../gen/grpc/health/v1/health_pb.ts";
import type { CallContext } from "./call_context.ts";
import type { RpcService } from "./service.ts";

/** The services that can be asked about; the empty name means the server. */
const SERVICES: readonly string[] = ["", AgentService.typeName];

/** gRPC's health service: serving until the server drains. */
export function healthOf(service: RpcService): ServiceImpl<typeof Health> {
  const status = () => ({ status: service.draining ? Status.NOT_SERVING : Status.SERVING });
  return {
    check(request: HealthCheckRequest) {
      if (SERVICES.includes(request.service)) return status();
      throw new ConnectError(
        `There is no service '${request.service}' here: expected ${AgentService.typeName}`,
        Code.NotFound,
      );
    },
    async *watch(request: HealthCheckRequest, context: CallContext) {
      if (!SERVICES.includes(request.service)) {
        yield { status: Status.SERVICE_UNKNOWN };
        await change((changed) => onAbort(context.signal, changed));
        return;
      }
      yield status();
      if (service.draining) return;
      await change((changed) => {
        const unwatch = onAbort(context.signal, changed);
        const forget = service.onDraining(changed);
        return () => {
          unwatch();
          forget();
        };
      });
      // A server that drains waits for nobody who only watches it.
      if (!context.signal.aborted) yield status();
    },
  };
}

async function change(watch: (changed: () => void) => () => void): Promise<void> {
  let forget = () => {};
  await new Promise<void>((resolve) => {
    forget = watch(resolve);
  });
  forget();
}
