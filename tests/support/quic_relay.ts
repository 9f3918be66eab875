/**
 * A UDP relay that shows what was really spoken: nothing but QUIC gets through
 * it, since nothing listens on the TCP port of the same number.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createSocket, type Socket } from "node:dgram";

/** A running relay. */
export interface QuicRelay extends AsyncDisposable {
  readonly port: number;
  /** How many datagrams opened a connection with QUIC version 1, by sender: RFC 9000 section 17.2. */
  readonly opened: { readonly client: number; readonly server: number };
}

/** Starts a relay to a UDP port of this machine. */
export async function quicRelay(target: number): Promise<QuicRelay> {
  const opened = { client: 0, server: 0 };
  const upstreams = new Map<number, Socket>();
  const entry = createSocket("udp4");
  entry.on("message", (datagram, { port, address }) => {
    if (isInitial(datagram)) opened.client++;
    let upstream = upstreams.get(port);
    if (upstream === undefined) {
      upstreams.set(port, upstream = createSocket("udp4"));
      upstream.on("message", (answer) => {
        if (isInitial(answer)) opened.server++;
        entry.send(answer, port, address);
      });
    }
    upstream.send(datagram, target, "127.0.0.1");
  });
  await new Promise<void>((resolve) => entry.bind(0, "127.0.0.1", resolve));
  return {
    port: entry.address().port,
    opened,
    async [Symbol.asyncDispose]() {
      for (const socket of [entry, ...upstreams.values()]) {
        await new Promise<void>((resolve) => socket.close(() => resolve()));
      }
    },
  };
}

function isInitial(datagram: Uint8Array): boolean {
  const bytes = Buffer.from(datagram);
  return bytes.length > 5 && (bytes[0]! & 0xf0) === 0xc0 && bytes.readUInt32BE(1) === 1;
}
