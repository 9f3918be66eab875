import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import {
  createSecureServer,
  createServer as createHttp2Server,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type Http2Session,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { SETTINGS, widen } from "../transport/http2/windows.ts";
import { duplexOf } from "./node_duplex.ts";
import { isGrpc } from "./is_grpc.ts";
import { answer } from "./node_http.ts";
import { beginsWithPreface } from "./preface.ts";
import { takeWebSockets } from "./node_websocket.ts";
import { endWhenIdle } from "./node_idle.ts";
import type { FetchHandler, Listener, ListenOptions, TlsOptions } from "./listener.ts";

/** How long a client may take to say what it wants. */
const HEADERS_TIMEOUT_MS = 30_000;

/**
 * Listens with `node:http`: HTTP/1.1, and HTTP/2 on the same port, in cleartext
 * by prior knowledge (h2c) and over TLS by ALPN.
 */
export async function listen(handler: FetchHandler, options: ListenOptions): Promise<Listener> {
  const { hostname, port, tls, idleTimeoutMs, grpc, webSocket } = options;
  const sessions = new Set<Http2Session>();
  const track = (server: Http2Server) =>
    server.on("session", (session) => {
      sessions.add(session);
      widen(session);
      endWhenIdle(session, idleTimeoutMs);
      session.once("close", () => sessions.delete(session));
    });
  let closing = false;
  const onRequest = (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ) => {
    if (grpc !== undefined && isGrpc(request)) return grpc(request, response);
    // Its connection was busy when the server began to close, and would be kept alive now.
    response.once("close", () => {
      if (closing) setImmediate(() => (server as Server).closeIdleConnections?.());
    });
    void answer(handler, request as IncomingMessage, response as ServerResponse);
  };

  const server = tls === undefined
    ? cleartext(onRequest, track, idleTimeoutMs)
    : secured(tls, onRequest, idleTimeoutMs);
  if (tls !== undefined) track(server as unknown as Http2Server);
  server.setTimeout(0);
  if (webSocket !== undefined) takeWebSockets(server as Server, webSocket);
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const closed = new Promise<void>((resolve) => server.once("close", resolve));
  const stop = () => {
    closing = true;
    server.close();
    (server as Server).closeIdleConnections?.();
    return closed;
  };
  return {
    port: (server.address() as AddressInfo).port,
    shutdown: () => {
      for (const session of sessions) session.close();
      // Who has never said a word has no call to finish. TLS reads below the socket and counts nothing.
      if (tls === undefined) {
        for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
      }
      return stop();
    },
    kill: () => {
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
      return stop();
    },
  };
}

/** An HTTP/2 server over TLS that takes HTTP/1.1 too, within the limits that a server of that has. */
function secured(
  { cert, key }: TlsOptions,
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
  keepAliveTimeout: number,
): Server {
  const options = {
    cert,
    key,
    allowHTTP1: true,
    handshakeTimeout: HEADERS_TIMEOUT_MS,
    settings: SETTINGS,
  };
  const server = createSecureServer(options, onRequest as never) as unknown as Server;
  return Object.assign(server, { keepAliveTimeout, headersTimeout: HEADERS_TIMEOUT_MS });
}

/** An HTTP/1.1 server that hands connections which begin with the preface to an HTTP/2 one. */
function cleartext(
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
  track: (server: Http2Server) => void,
  idleTimeoutMs: number,
): Server {
  const http1 = createServer({
    keepAliveTimeout: idleTimeoutMs,
    headersTimeout: HEADERS_TIMEOUT_MS,
    // Who offers something else (curl and Java's client offer h2c) is answered over HTTP/1.1.
    // Node >= 24.9 asks; older ones take every such request for the handshake of a WebSocket.
    shouldUpgradeCallback: ({ headers }: IncomingMessage) =>
      headers.upgrade?.toLowerCase() === "websocket",
  } as ServerOptions, onRequest);
  const http2 = createHttp2Server({ settings: SETTINGS });
  http2.on("request", onRequest as never);
  track(http2);
  // The listener stays the HTTP/1.1 server, which keeps its own limits and idle list.
  const [accept] = http1.listeners("connection") as ((socket: Socket) => void)[];
  http1.removeAllListeners("connection");
  http1.on("connection", (socket: Socket) => {
    const onError = () => socket.destroy();
    socket.once("error", onError);
    socket.setTimeout(idleTimeoutMs, onError);
    socket.once("data", (head: Uint8Array) => {
      socket.off("error", onError);
      socket.setTimeout(0);
      socket.off("timeout", onError);
      if (beginsWithPreface(head)) {
        http2.emit("connection", duplexOf(socket, head));
        return;
      }
      socket.pause();
      socket.unshift(head);
      accept!.call(http1, socket);
      socket.resume();
    });
  });
  return http1;
}
