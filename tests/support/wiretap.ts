/**
 * A TCP relay that shows what was really spoken: the first bytes of both sides
 * of each connection. It can also fall silent and cut.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** What a side of a connection spoke. */
export type Spoken = "h2" | "http/1.1" | "tls" | "other" | "nothing";

/** A connection as it was seen. */
export interface Tap {
  /** What the client's first bytes are. */
  readonly client: Spoken;
  /** What the server's first bytes are. */
  readonly server: Spoken;
}

/** A running relay. */
export interface Wiretap extends AsyncDisposable {
  readonly port: number;
  readonly taps: readonly Tap[];
  /** Drops all bytes from now on, and lets the connections stand. */
  silence(): void;
  /** Passes bytes of new connections again. */
  unsilence(): void;
  /** Resets all connections. */
  cut(): void;
}

/** Starts a relay to a port of this machine. */
export async function wiretap(target: number): Promise<Wiretap> {
  const sockets = new Set<Socket>();
  const taps: { client: Spoken; server: Spoken }[] = [];
  let silent = false;
  const server = createServer((client) => {
    const tap = { client: "nothing" as Spoken, server: "nothing" as Spoken };
    taps.push(tap);
    const upstream = connect(target, "127.0.0.1");
    const muted = () => silent;
    let dead = false;
    for (
      const [from, to, side] of [[client, upstream, "client"], [
        upstream,
        client,
        "server",
      ]] as const
    ) {
      sockets.add(from);
      from.on("data", (bytes: Uint8Array) => {
        if (tap[side] === "nothing") tap[side] = spoken(bytes);
        dead ||= muted();
        if (!dead) to.write(bytes);
      });
      from.on("error", () => to.destroy());
      from.on("end", () => to.end());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    taps,
    silence: () => void (silent = true),
    unsilence: () => void (silent = false),
    cut,
    [Symbol.asyncDispose]: () => {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** The length, type and stream of a server's first frame, its settings: RFC 9113 section 3.4. */
function spoken(bytes: Uint8Array): Spoken {
  const text = Buffer.from(bytes.subarray(0, 24)).toString("latin1");
  if (text.startsWith("PRI * HTTP/2.0")) return "h2";
  if (bytes.length >= 9 && bytes[0] === 0 && bytes[3] === 4 && bytes[8] === 0) return "h2";
  if (/^(?:HTTP\/1\.1 |[A-Z]+ \/)/.test(text)) return "http/1.1";
  return bytes[0] === 22 ? "tls" : "other";
}
