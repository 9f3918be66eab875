/**
 * What a call over a socket costs without agenkit: the runtime's own TCP
 * sockets, which carry the same JSON in the same frames.
 *
 * @module
 */
import { envelope, said, type Wire } from "./wire.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function frame(type: string, id: string, payload: unknown): Uint8Array {
  const body = encoder.encode(envelope(type, id, payload));
  const bytes = new Uint8Array(4 + body.length);
  new DataView(bytes.buffer).setUint32(0, body.length);
  bytes.set(body, 4);
  return bytes;
}

/** One side of a connection. */
class Peer {
  readonly #socket: Deno.Conn;
  #bytes = new Uint8Array(65_536);
  #from = 0;
  #to = 0;

  constructor(socket: Deno.TcpConn) {
    socket.setNoDelay(true);
    this.#socket = socket;
  }

  async send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#socket.write(bytes.subarray(at));
  }

  async frame(): Promise<Uint8Array | undefined> {
    if (!await this.#fill(4)) return undefined;
    const length = new DataView(this.#bytes.buffer).getUint32(this.#from);
    if (!await this.#fill(4 + length)) return undefined;
    const body = this.#bytes.subarray(this.#from + 4, this.#from + 4 + length);
    this.#from += 4 + length;
    return body;
  }

  async receive(): Promise<Wire | undefined> {
    const body = await this.frame();
    return body === undefined ? undefined : JSON.parse(decoder.decode(body));
  }

  async #fill(length: number): Promise<boolean> {
    while (this.#to - this.#from < length) {
      if (this.#from === this.#to) this.#from = this.#to = 0;
      if (this.#from + length > this.#bytes.length) {
        const bytes = new Uint8Array(Math.max(2 * length, 65_536));
        bytes.set(this.#bytes.subarray(this.#from, this.#to));
        this.#bytes = bytes;
        this.#to -= this.#from;
        this.#from = 0;
      }
      const read = await this.#socket.read(this.#bytes.subarray(this.#to));
      if (read === null) return false;
      this.#to += read;
    }
    return true;
  }
}

/** Both sides of connections of the runtime's own. */
export interface SocketFloor {
  /** Sends a text and reads it back. */
  process(content: string): Promise<string>;
  /** Sends a text and reads it back in so many chunks. */
  stream(content: string, chunks: number): Promise<number>;
  /** Sends bytes of about that length in a frame and reads them back, without JSON. */
  bytes(length: number): Promise<number>;
}

/** Starts a server. It does not keep the process alive. */
export function startSocketFloor(): SocketFloor {
  const json = listen(async (peer, wire) => {
    const { id, payload } = JSON.parse(decoder.decode(wire)) as Wire;
    const [chunks, content] = payload.message.content.split(":", 2) as [string, string];
    if (chunks === "") return await peer.send(frame("response", id, said("agent", content)));
    const size = content.length / Number(chunks);
    for (let i = 0; i < Number(chunks); i++) {
      const chunk = content.slice(i * size, (i + 1) * size);
      await peer.send(frame("stream_chunk", id, said("agent", chunk)));
    }
    await peer.send(frame("stream_end", id, {}));
  });
  const echo = listen(async (peer, wire) => {
    const bytes = new Uint8Array(4 + wire.length);
    new DataView(bytes.buffer).setUint32(0, wire.length);
    bytes.set(wire, 4);
    await peer.send(bytes);
  });
  const request = (content: string) =>
    frame("request", crypto.randomUUID(), { method: "process", ...said("user", content) });
  return {
    async process(content) {
      const peer = await json.take();
      await peer.send(request(`:${content}`));
      const answer = await peer.receive();
      json.give(peer);
      return answer!.payload.message.content;
    },
    async stream(content, chunks) {
      const peer = await json.take();
      await peer.send(request(`${chunks}:${content}`));
      let length = 0;
      for (;;) {
        const { type, payload } = (await peer.receive())!;
        if (type === "stream_end") break;
        length += payload.message.content.length;
      }
      json.give(peer);
      return length;
    },
    async bytes(length) {
      const peer = await echo.take();
      const bytes = new Uint8Array(4 + length);
      new DataView(bytes.buffer).setUint32(0, length);
      await peer.send(bytes);
      const back = await peer.frame();
      echo.give(peer);
      return back!.length;
    },
  };
}

/** A server, and connections to it that can be used again. */
function listen(answer: (peer: Peer, body: Uint8Array) => Promise<void>) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.unref();
  const serve = async (socket: Deno.TcpConn) => {
    socket.unref();
    const peer = new Peer(socket);
    for (let body = await peer.frame(); body; body = await peer.frame()) await answer(peer, body);
  };
  void (async () => {
    for await (const socket of listener) void serve(socket);
  })();
  const idle: Peer[] = [];
  return {
    take: async () => idle.pop() ?? new Peer(await Deno.connect({ port })),
    give: (peer: Peer) => void idle.push(peer),
  };
}
