import { isUpgrade, type WebSocketHandler } from "../transport/websocket/server.ts";
import type { WebSocketLike } from "../transport/websocket/standard.ts";
import type { FetchHandler } from "./listener.ts";

/** Lets a handler take WebSockets on Deno. */
export function withWebSocket(handler: FetchHandler, sockets: WebSocketHandler): FetchHandler {
  return (request) => isUpgrade(request) ? upgrade(request, sockets) : handler(request);
}

async function upgrade(request: Request, sockets: WebSocketHandler): Promise<Response> {
  const acceptance = await sockets.negotiate(request);
  if (acceptance instanceof Response) return acceptance;
  const { protocol } = acceptance;
  try {
    const { socket, response } = Deno.upgradeWebSocket(request, {
      ...(protocol === undefined ? undefined : { protocol }),
      // Deno's own pings end a connection whose client reads only when it has asked for something.
      idleTimeout: 0,
    });
    void sockets.serve(socket as WebSocketLike, acceptance);
    return response;
  } catch {
    return new Response("This is no handshake of a WebSocket\n", { status: 400 });
  }
}
