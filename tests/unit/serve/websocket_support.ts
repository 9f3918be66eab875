import { type Agent, agent, delay, text } from "../../../mod.ts";

/** What an agent of these tests has seen. */
export interface Seen {
  calls: number;
  /** Calls whose signal aborted, and streams that were not read to their end. */
  left: number;
}

/**
 * Echoes; `wait` waits for its signal, `fail` throws; it streams the words of
 * what it is asked, `forever` without end.
 */
export function wordAgent(): { agent: Agent; seen: Seen } {
  const seen: Seen = { calls: 0, left: 0 };
  const words = agent({
    name: "words",
    async process(request, { signal }) {
      seen.calls++;
      if (text(request) === "wait") {
        await delay(60_000, { signal: signal! }).catch((reason) => {
          seen.left++;
          throw reason;
        });
      }
      if (text(request) === "fail") throw new Error("on purpose");
      return `Echo: ${text(request)}`;
    },
    async *stream(request) {
      let complete = false;
      try {
        if (text(request) === "forever") { for (let i = 0;; i++) yield `${i}`; }
        for (const word of text(request).split(" ")) yield word;
        if (text(request).startsWith("fail")) throw new Error("on purpose");
        complete = true;
      } finally {
        if (!complete) seen.left++;
      }
    },
  });
  return { agent: words, seen };
}

/** A raw WebSocket, open, whose messages are read one by one as text. */
export class RawSocket {
  readonly socket: WebSocket;
  readonly #arrived: string[] = [];
  #waiting: ((text: string) => void) | undefined;
  /** How it was closed. */
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Whether the last message was binary. */
  binary = false;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      this.binary = typeof data !== "string";
      const text = typeof data === "string" ? data : new TextDecoder().decode(data);
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (waiting === undefined) this.#arrived.push(text);
      else waiting(text);
    };
    this.closed = new Promise((resolve) => {
      socket.onclose = ({ code, reason }) => resolve({ code, reason });
    });
  }

  /** Connects; rejects if the handshake fails. */
  static open(url: string, protocols: string[] = []): Promise<RawSocket> {
    const raw = new RawSocket(new WebSocket(url, protocols));
    return new Promise((resolve, reject) => {
      raw.socket.onopen = () => resolve(raw);
      raw.socket.onerror = () => reject(new Error(`cannot connect to ${url}`));
    });
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.socket.send(data);
  }

  next(): Promise<string> {
    const text = this.#arrived.shift();
    return text === undefined
      ? new Promise((resolve) => this.#waiting = resolve)
      : Promise.resolve(text);
  }

  // deno-lint-ignore no-explicit-any -- tests look into whatever came
  async envelope(): Promise<any> {
    return JSON.parse(await this.next());
  }
}

/** A request as a raw client writes it, with parts replaced. */
export function request(content: unknown, changes: Record<string, unknown> = {}): string {
  return JSON.stringify({
    version: "1.0",
    type: "request",
    id: "raw-1",
    payload: { method: "process", message: { role: "user", content, metadata: {} } },
    ...changes,
  });
}

/** Waits until something holds; fails after some seconds. */
export async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000; i++) {
    if (holds()) return;
    await delay(10);
  }
  throw new Error(`gave up on ${holds}`);
}
