/**
 * What a call over a WebSocket costs without agenkit: the runtime's own
 * server and client, which carry the same JSON.
 *
 * @module
 */
import { envelope, said, type Wire } from "./wire.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function textOf(data: string | ArrayBuffer): string {
  return typeof data === "string" ? data : decoder.decode(data);
}

/** Both sides of connections of the runtime's own. */
export interface WebSocketFloor {
  /** Sends a text and reads it back, in text messages or in binary ones, as the peers' wire has them. */
  process(content: string, binary?: boolean): Promise<string>;
  /** Sends a text and reads it back in so many chunks. */
  stream(content: string, chunks: number): Promise<number>;
}

/** A client's socket; what comes is given to whoever waits. */
class Client {
  readonly #socket: WebSocket;
  #onWire: (wire: Wire) => void = () => {};

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.#onWire(JSON.parse(textOf(data)));
  }

  static open(url: string): Promise<Client> {
    const socket = new WebSocket(url);
    return new Promise((resolve) => socket.onopen = () => resolve(new Client(socket)));
  }

  /** Asks, and hands each envelope of the answer on until `take` says that it was the last. */
  ask(
    method: string,
    content: string,
    take: (wire: Wire) => boolean,
    binary = false,
  ): Promise<void> {
    return new Promise((resolve) => {
      this.#onWire = (wire) => {
        if (take(wire)) resolve();
      };
      const payload = { method, ...said("user", content) };
      const request = envelope("request", crypto.randomUUID(), payload);
      this.#socket.send(binary ? encoder.encode(request) : request);
    });
  }
}

/** Starts a server, and connects as often as it takes. */
export function startWebSocketFloor(): WebSocketFloor {
  const server = Deno.serve({ port: 0, onListen: () => {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      const { id, payload } = JSON.parse(textOf(data)) as Wire;
      const [chunks, content] = payload.message.content.split(":", 2) as [string, string];
      if (chunks === "") {
        const answer = envelope("response", id, said("agent", content));
        return socket.send(typeof data === "string" ? answer : encoder.encode(answer));
      }
      const size = content.length / Number(chunks);
      for (let i = 0; i < Number(chunks); i++) {
        const chunk = content.slice(i * size, (i + 1) * size);
        socket.send(envelope("stream_chunk", id, said("agent", chunk)));
      }
      socket.send(envelope("stream_end", id, {}));
    };
    return response;
  });
  server.unref();
  const idle: Client[] = [];
  const take = async () => idle.pop() ?? await Client.open(`ws://127.0.0.1:${server.addr.port}`);
  return {
    async process(content, binary) {
      const client = await take();
      let answer = "";
      await client.ask("process", `:${content}`, (wire) => {
        answer = wire.payload.message.content;
        return true;
      }, binary);
      idle.push(client);
      return answer;
    },
    async stream(content, chunks) {
      const client = await take();
      let length = 0;
      await client.ask("stream", `${chunks}:${content}`, ({ type, payload }) => {
        if (type === "stream_end") return true;
        length += payload.message.content.length;
        return false;
      });
      idle.push(client);
      return length;
    },
  };
}
