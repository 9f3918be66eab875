import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";

/** Whether a request is gRPC itself, which needs trailers, and not gRPC-Web or Connect. */
export function isGrpc(request: IncomingMessage | Http2ServerRequest): boolean {
  const type = request.headers["content-type"];
  return type !== undefined && /^application\/grpc(?:$|[+; ])/i.test(type) &&
    request.httpVersionMajor === 2;
}
