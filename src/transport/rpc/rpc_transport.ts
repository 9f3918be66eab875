import type { Request as ProtoRequest, Response, StreamChunk } from "../../gen/agent_pb.ts";

/**
 * What carries the RPCs of a client. A status that is not OK rejects with a
 * `ConnectError`; whatever broke on the way rejects as it is.
 */
export interface RpcTransport {
  /** Sends a request and resolves with its response. */
  unary(request: ProtoRequest, headers: CallHeaders, signal: AbortSignal): Promise<Response>;
  /** Sends a request and resolves, once the server has begun to answer, with what reads its chunks. */
  stream(
    request: ProtoRequest,
    headers: CallHeaders,
    signal: AbortSignal,
  ): Promise<AsyncIterator<StreamChunk>>;
}

/** Headers of one call, with names in lower case. */
export type CallHeaders = Readonly<Record<string, string>>;
