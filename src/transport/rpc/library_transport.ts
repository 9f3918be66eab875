import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { onAbort } from "../../core/signals.ts";
import { AgentService } from "../../gen/agent_pb.ts";
import type { RpcTransport } from "./rpc_transport.ts";

/** Carries RPCs by a transport of the RPC library: Connect and gRPC-Web. */
export function libraryTransport(library: Transport): RpcTransport {
  return {
    async unary(request, headers, signal) {
      const { process } = AgentService.method;
      const call = library.unary(process, cancelled(signal), undefined, headers, request);
      return (await call).message;
    },
    async stream(request, headers, signal) {
      const { processStream } = AgentService.method;
      const { message } = await library.stream(
        processStream,
        cancelled(signal),
        undefined,
        headers,
        once(request),
      );
      return message[Symbol.asyncIterator]();
    },
  };
}

/**
 * A signal that aborts with another, for the reason that the RPC library takes
 * for a cancellation.
 */
function cancelled(signal: AbortSignal): AbortSignal {
  const controller = new AbortController();
  onAbort(
    signal,
    () => controller.abort(new ConnectError("The call was cancelled", Code.Canceled)),
  );
  return controller.signal;
}

async function* once<T>(item: T): AsyncGenerator<T, void, undefined> {
  yield item;
}
