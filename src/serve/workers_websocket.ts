import { isUpgrade, type WebSocketHandler } from "../transport/websocket/server.ts";
import type { WebSocketLike } from "../transport/websocket/standard.ts";
import type { FetchHandler } from "./listener.ts";

/** Both ends of a WebSocket, as Workers make them. */
type WebSocketPair = new () => {
  /** The end that the client gets. */
  readonly 0: WebSocketLike;
  /** The end that the Worker keeps; it has to be accepted. */
  readonly 1: WebSocketLike & { accept(): void };
};

/** Lets a handler take WebSockets on Workers. */
export function withWebSocket(handler: FetchHandler, sockets: WebSocketHandler): FetchHandler {
  return (request) => isUpgrade(request) ? upgrade(request, sockets) : handler(request);
}

async function upgrade(request: Request, sockets: WebSocketHandler): Promise<Response> {
  const { WebSocketPair } = globalThis as unknown as { WebSocketPair?: WebSocketPair };
  if (WebSocketPair === undefined) {
    return new Response("This runtime has no WebSockets for Workers\n", { status: 501 });
  }
  const acceptance = await sockets.negotiate(request);
  if (acceptance instanceof Response) return acceptance;
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  void sockets.serve(server, acceptance);
  const { protocol } = acceptance;
  return new Response(null, {
    status: 101,
    webSocket: client,
    ...(protocol === undefined ? undefined : { headers: { "sec-websocket-protocol": protocol } }),
  } as ResponseInit);
}
