import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocketChannel } from "../transport/websocket/channel.ts";
import type { WebSocketAcceptance, WebSocketHandler } from "../transport/websocket/server.ts";
import { bareRequest } from "./node_http.ts";

/** The part of a socket of the package `ws` that is used here; it comes without types. */
interface NodeSocket {
  readonly bufferedAmount: number;
  send(data: string | Uint8Array, options: { binary: boolean }, done: () => void): void;
  close(code: number, reason: string): void;
  terminate(): void;
  on(event: "message", listener: (data: Uint8Array, isBinary: boolean) => void): void;
  on(event: "close", listener: (code: number, reason: Uint8Array) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
}

interface NodeSockets {
  handleUpgrade(
    incoming: IncomingMessage,
    socket: Duplex,
    head: Uint8Array,
    done: (socket: NodeSocket) => void,
  ): void;
}

/** How long a peer may take to answer a close before its connection is cut, in milliseconds. */
const CLOSE_GRACE_MS = 2_000;

/** Lets a server of Node's take WebSockets. The package `ws` is loaded with the first one. */
export function takeWebSockets(server: Server, handler: WebSocketHandler): void {
  let sockets: Promise<NodeSockets> | undefined;
  server.on("upgrade", (incoming: IncomingMessage, socket: Duplex, head: Uint8Array) => {
    // Until it is a WebSocket nobody else listens, and an error would end the process.
    const onError = () => socket.destroy();
    socket.on("error", onError);
    sockets ??= load(handler.maxBytes);
    upgrade(incoming, handler).then(async (acceptance) => {
      if (acceptance instanceof Response) return await refuse(socket, acceptance);
      const { handleUpgrade } = await sockets!;
      socket.off("error", onError);
      const { protocol } = acceptance;
      // What `ws` answers with is what the request offers; the handler has chosen of it.
      if (protocol === undefined) delete incoming.headers["sec-websocket-protocol"];
      else incoming.headers["sec-websocket-protocol"] = protocol;
      handleUpgrade(incoming, socket, head, (ws) => attach(ws, handler, acceptance));
    }).catch(onError);
  });
}

async function load(maxPayload: number): Promise<NodeSockets> {
  const { WebSocketServer } = await import("ws");
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: Number.isFinite(maxPayload) ? maxPayload : 0,
  });
  return { handleUpgrade: server.handleUpgrade.bind(server) };
}

async function upgrade(
  incoming: IncomingMessage,
  handler: WebSocketHandler,
): Promise<WebSocketAcceptance | Response> {
  return await handler.negotiate(bareRequest(incoming));
}

function attach(
  socket: NodeSocket,
  handler: WebSocketHandler,
  acceptance: WebSocketAcceptance,
): void {
  const channel: WebSocketChannel = handler.attach({
    send: (data) => socket.send(data, { binary: typeof data !== "string" }, ignore),
    close(code, reason) {
      socket.close(code, reason);
      // Go's client reads only while it waits for an answer, and would not close before.
      const timer = setTimeout(() => socket.terminate(), CLOSE_GRACE_MS);
      socket.on("close", () => clearTimeout(timer));
    },
    get bufferedAmount() {
      return socket.bufferedAmount;
    },
  }, acceptance);
  socket.on("message", (data, isBinary) => {
    // Of text `ws` has made sure that it is UTF-8.
    channel.onMessage(isBinary ? data : new TextDecoder().decode(data));
  });
  socket.on("close", (code, reason) => channel.onClose(code, new TextDecoder().decode(reason)));
  // The close that follows tells it all.
  socket.on("error", ignore);
}

function ignore(): void {}

/** Answers a handshake that is not accepted, on a connection that has no response of Node's. */
async function refuse(socket: Duplex, response: Response): Promise<void> {
  const body = new Uint8Array(await response.arrayBuffer());
  const head = [`HTTP/1.1 ${response.status} ${response.statusText || "Refused"}`];
  for (const [name, value] of response.headers) head.push(`${name}: ${value}`);
  head.push(`content-length: ${body.byteLength}`, "connection: close", "", "");
  socket.write(head.join("\r\n"));
  // A server's sockets stay half open, for as long as the client likes.
  socket.end(body, () => socket.destroy());
}
