/**
 * Both ends of a socket by hand: bytes as a test wants them, and frames read by
 * code that is not the one under test.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { encodeRequest, type RequestFields } from "../../../../src/protocol/encode.ts";
import { message } from "../../../../mod.ts";

/** A socket of a test. */
export interface Raw {
  readonly socket: Socket;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  /** Sends bytes. */
  write(bytes: Uint8Array | string): void;
  /** Sends text in a frame. */
  send(text: string): void;
  /** Sends a request in a frame. */
  ask(fields?: Partial<RequestFields>): void;
  /** The next frame, parsed; undefined when the peer has ended. */
  // deno-lint-ignore no-explicit-any -- tests look into whatever came
  next(): Promise<any>;
}

/** A frame as somebody else would write it. */
export function frame(text: string): Buffer {
  const body = Buffer.from(text);
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(body.length);
  return Buffer.concat([prefix, body]);
}

/** Takes a socket over. */
export function raw(socket: Socket): Raw {
  let bytes = Buffer.alloc(0);
  let ended = false;
  let wake = () => {};
  socket.on("error", () => {});
  socket.on("data", (chunk: Uint8Array) => {
    bytes = Buffer.concat([bytes, chunk]);
    wake();
  });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const finish = () => {
    ended = true;
    wake();
  };
  socket.once("end", finish);
  socket.once("close", finish);
  return {
    socket,
    closed,
    write: (data) => void socket.write(data),
    send: (text) => void socket.write(frame(text)),
    ask: (fields) =>
      void socket.write(frame(encodeRequest({
        id: "1",
        method: "process",
        message: message("user", "hi"),
        ...fields,
      }))),
    async next() {
      for (;;) {
        const length = bytes.length < 4 ? Infinity : bytes.readUInt32BE();
        if (bytes.length >= 4 + length) {
          const text = bytes.subarray(4, 4 + length).toString();
          bytes = bytes.subarray(4 + length);
          return JSON.parse(text);
        }
        if (ended) return undefined;
        await new Promise<void>((resolve) => wake = resolve);
      }
    },
  };
}

/** Connects to a `tcp:` or `unix:` URL. */
export async function rawClient(url: string): Promise<Raw> {
  const socket = url.startsWith("unix:")
    ? connect(url.slice("unix://".length))
    : connect(Number(new URL(url).port), new URL(url).hostname.replace(/[[\]]/g, ""));
  const client = raw(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", () => resolve());
    socket.once("error", reject);
  });
  return client;
}

/** A server that does with each connection what a test says. */
export async function rawServer(
  serve: (connection: Raw, index: number) => unknown,
): Promise<{ url: string; connections: Raw[] } & AsyncDisposable> {
  const connections: Raw[] = [];
  const server = createServer((socket) => {
    const connection = raw(socket);
    const index = connections.push(connection) - 1;
    Promise.resolve(serve(connection, index)).catch(() => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections,
    [Symbol.asyncDispose]: () => {
      for (const { socket } of connections) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Waits until something is so; real sockets take their time. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (const end = performance.now() + 20_000; !condition();) {
    if (performance.now() > end) throw new Error(`It took too long until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
