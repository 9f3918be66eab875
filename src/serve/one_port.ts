import type { IncomingMessage, ServerResponse } from "node:http";
import {
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Session,
} from "node:http2";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { destroyLater } from "../transport/http2/destroy_later.ts";
import { SETTINGS, widen } from "../transport/http2/windows.ts";
import { isGrpc } from "./is_grpc.ts";
import type { FetchHandler, Listen, Listener, ListenOptions } from "./listener.ts";
import { answer } from "./node_http.ts";
import { beginsWithPreface } from "./preface.ts";

/**
 * Listens at one port for all: what begins as HTTP/2 goes to a server of
 * `node:http2`, which can send gRPC's trailers, and everything else to the
 * runtime's own. Both listen on the loopback and are reached by a second
 * connection: on Deno and Bun a socket that was read from cannot be handed over.
 *
 * @param native The runtime's own listener.
 */
export async function listenOnePort(
  native: Listen,
  handler: FetchHandler,
  options: ListenOptions,
): Promise<Listener> {
  const { hostname, port, tls, idleTimeoutMs } = options;
  const http2 = await listenHttp2(handler, options);
  const http1 = await native(handler, {
    ...options,
    hostname: LOOPBACK,
    port: 0,
    tls: undefined,
    grpc: undefined,
  });
  const relayed = new Set<Socket>();
  const relay = (client: Socket, target: number, head?: Uint8Array) => {
    const inner = connect(target, LOOPBACK);
    // Small frames must not wait for what the other side has yet to acknowledge.
    client.setNoDelay();
    inner.setNoDelay();
    relayed.add(client);
    client.on("error", () => inner.destroy());
    client.once("close", () => {
      relayed.delete(client);
      inner.destroy();
    });
    inner.on("error", () => client.destroy());
    // What was read is still to be written: pipe() ends the client's side after it.
    inner.once("close", () => client.end());
    if (head !== undefined) inner.write(head);
    client.pipe(inner).pipe(client);
  };
  const waiting = new Set<Socket>();
  const entrance = tls === undefined
    ? createTcpServer((client) => {
      const silent = () => client.destroy();
      waiting.add(client);
      client.once("close", () => waiting.delete(client));
      client.on("error", silent);
      client.setTimeout(idleTimeoutMs, silent);
      client.once("data", (head: Uint8Array) => {
        waiting.delete(client);
        client.setTimeout(0);
        client.pause();
        relay(client, beginsWithPreface(head) ? http2.port : http1.port, head);
      });
    })
    : createTlsServer(
      { cert: tls.cert, key: tls.key, ALPNProtocols: ["h2", "http/1.1"] },
      (client: TLSSocket) => {
        client.on("error", () => client.destroy());
        relay(client, client.alpnProtocol === "h2" ? http2.port : http1.port);
      },
    );
  const sockets = new Set<Socket>();
  entrance.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => sockets.delete(socket));
  });
  try {
    await new Promise<void>((resolve, reject) => {
      entrance.once("error", reject);
      entrance.listen(port, hostname, resolve);
    });
  } catch (error) {
    await Promise.all([http1.kill(), http2.kill()]);
    throw error;
  }
  const closed = new Promise<void>((resolve) => entrance.once("close", resolve));
  const cut = () => {
    for (const socket of [...relayed, ...sockets]) socket.destroy();
  };
  return {
    port: (entrance.address() as AddressInfo).port,
    shutdown: async (idle) => {
      entrance.close();
      // Who has never said a word has no call to finish.
      for (const socket of waiting) socket.destroy();
      await Promise.all([http1.shutdown(idle), http2.shutdown(idle)]);
      // The last bytes are on their way, and then the client's own end of the connection.
      const late = setTimeout(cut, END_GRACE_MS);
      await closed;
      clearTimeout(late);
    },
    kill: async () => {
      entrance.close();
      cut();
      await Promise.all([http1.kill(), http2.kill(), closed]);
    },
  };
}

const LOOPBACK = "127.0.0.1";

/** How long a client may take to close its end of a connection that has ended. */
const END_GRACE_MS = 500;

/** The inner listener for HTTP/2. */
async function listenHttp2(handler: FetchHandler, { grpc }: ListenOptions): Promise<Listener> {
  const server: Http2Server = createHttp2Server({ settings: SETTINGS }, (request, response) => {
    if (isGrpc(request)) return grpc!(request, response);
    void answer(
      handler,
      request as unknown as IncomingMessage,
      response as unknown as ServerResponse,
    );
  });
  server.setTimeout(0);
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    destroyLater(session);
    widen(session);
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    session.on("error", () => session.destroy());
  });
  await new Promise<void>((resolve) => void server.listen(0, LOOPBACK, resolve));
  const closed = new Promise<void>((resolve) => server.once("close", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    shutdown: () => {
      for (const session of sessions) session.close();
      server.close();
      return closed;
    },
    kill: () => {
      for (const session of sessions) session.destroy();
      server.close();
      return closed;
    },
  };
}
