import type { WebSocketChannel } from "../transport/websocket/channel.ts";
import type { WebSocketAcceptance, WebSocketHandler } from "../transport/websocket/server.ts";

/** What a socket of Bun's carries: how it was accepted, and its channel once it is open. */
interface SocketData {
  readonly acceptance: WebSocketAcceptance;
  channel?: WebSocketChannel;
  /** Cuts the connection if the peer does not answer a close. */
  timer?: ReturnType<typeof setTimeout>;
}

/** The part of a socket of Bun's server that is used here. */
interface BunSocket {
  readonly data: SocketData;
  send(data: string | Uint8Array): number;
  close(code: number, reason: string): void;
  terminate(): void;
  getBufferedAmount(): number;
}

/** What Bun's server is told about its WebSockets. */
export interface BunSockets {
  maxPayloadLength: number;
  idleTimeout: number;
  backpressureLimit: number;
  perMessageDeflate: boolean;
  open(socket: BunSocket): void;
  message(socket: BunSocket, data: string | Uint8Array): void;
  close(socket: BunSocket, code: number, reason: string): void;
}

/** What upgrades a request of Bun's. */
export interface BunUpgrader {
  upgrade(
    request: Request,
    options: { data: SocketData; headers: Record<string, string> },
  ): boolean;
}

/** How long a peer may take to answer a close before its connection is cut, in milliseconds. */
const CLOSE_GRACE_MS = 2_000;

/** How Bun serves the WebSockets that {@linkcode upgrade} lets in. */
export function bunSockets(handler: WebSocketHandler): BunSockets {
  return {
    // Beyond it Bun cuts the connection without a word, so the channel's own limit comes first.
    maxPayloadLength: Number.isFinite(handler.maxBytes) ? 2 * handler.maxBytes : 2 ** 31 - 1,
    // The handler has its own, which does not count the pings of clients.
    idleTimeout: 0,
    // The channel waits; Bun would drop what goes beyond.
    backpressureLimit: 2 ** 31 - 1,
    perMessageDeflate: false,
    open(socket) {
      const { data } = socket;
      data.channel = handler.attach({
        send: (data) => void socket.send(data),
        close(code, reason) {
          // Go's client reads only while it waits for an answer, and would not close before.
          data.timer = setTimeout(() => socket.terminate(), CLOSE_GRACE_MS);
          socket.close(code, reason);
        },
        get bufferedAmount() {
          return socket.getBufferedAmount();
        },
      }, data.acceptance);
    },
    message: (socket, data) => socket.data.channel!.onMessage(data),
    close(socket, code, reason) {
      clearTimeout(socket.data.timer);
      socket.data.channel?.onClose(code, reason);
    },
  };
}

/** Answers the handshake of a WebSocket; nothing if the connection is one now. */
export async function upgrade(
  request: Request,
  server: BunUpgrader,
  handler: WebSocketHandler,
): Promise<Response | undefined> {
  const acceptance = await handler.negotiate(request);
  if (acceptance instanceof Response) return acceptance;
  // Left to itself Bun chooses the first one that is offered.
  const headers = request.headers.has("sec-websocket-protocol")
    ? { "sec-websocket-protocol": acceptance.protocol ?? "" }
    : {};
  const done = server.upgrade(request, { data: { acceptance }, headers });
  return done ? undefined : new Response("This is no handshake of a WebSocket\n", { status: 400 });
}
