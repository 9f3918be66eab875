/**
 * A server of HTTP/2 that refuses streams unread, frame by frame: not every
 * runtime's own can.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A running refuser. */
export interface Refuser extends AsyncDisposable {
  readonly port: number;
  /** How many streams it has refused. */
  readonly refused: number;
}

const PREFACE_BYTES = 24;
const HEAD_BYTES = 9;
const [HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY] = [1, 3, 4, 6, 7];
const ACK = 1;
const REFUSED_STREAM = 7;

/**
 * Starts one.
 *
 * @param next Where connections are passed on to once a client was told to go
 * away and its stream refused; without it, all streams are refused.
 */
export async function refuser(next?: number): Promise<Refuser> {
  let refused = 0;
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => sockets.delete(socket));
    return socket;
  };
  const server = createServer((client) => {
    keep(client);
    if (next !== undefined && refused > 0) {
      const upstream = keep(connect(next, "127.0.0.1"));
      client.pipe(upstream).pipe(client);
      return;
    }
    refuse(client, () => {
      refused++;
      return next !== undefined;
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get refused() {
      return refused;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** @param onStream Called for each stream; whether the client shall go away. */
function refuse(client: Socket, onStream: () => boolean): void {
  let bytes = Buffer.alloc(0);
  let greeted = false;
  client.write(frame(SETTINGS!, 0, 0));
  client.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    if (!greeted) {
      if (bytes.length < PREFACE_BYTES) return;
      bytes = bytes.subarray(PREFACE_BYTES);
      greeted = true;
    }
    while (bytes.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + bytes.readUIntBE(0, 3);
      if (bytes.length < end) return;
      const [type, flags, id] = [bytes[3], bytes[4]!, bytes.readUInt32BE(5)];
      const payload = bytes.subarray(HEAD_BYTES, end);
      bytes = bytes.subarray(end);
      if (type === SETTINGS && (flags & ACK) === 0) client.write(frame(SETTINGS, ACK, 0));
      if (type === PING && (flags & ACK) === 0) client.write(frame(PING, ACK, 0, payload));
      if (type === HEADERS) {
        if (onStream()) client.write(frame(GOAWAY!, 0, 0, Buffer.alloc(8)));
        client.write(frame(RST_STREAM!, 0, id, Buffer.from([0, 0, 0, REFUSED_STREAM])));
      }
    }
  });
}

function frame(type: number, flags: number, id: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}
