import type { ConnectRouter } from "@connectrpc/connect";
import { AgentService } from "../../gen/agent_pb.ts";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { healthOf } from "./health.ts";
import { reflection } from "./reflection.ts";
import type { RpcService } from "./service.ts";

/** Offers a service, its health and what it looks like. */
export function addRoutes(router: ConnectRouter, service: RpcService, reflect: boolean): void {
  router.service(AgentService, service);
  router.service(Health, healthOf(service));
  if (reflect) router.service(ServerReflection, reflection());
}
