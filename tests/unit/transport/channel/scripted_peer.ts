import { channelPair, type TestChannel } from "./pair.ts";

/** The other end of a channel, led by a test: it reads requests and answers what it is told to. */
export class ScriptedPeer {
  readonly #channel: TestChannel;
  /** Whether the connection stands. */
  isOpen = true;

  constructor(channel: TestChannel) {
    this.#channel = channel;
    channel.closed.then(() => this.isOpen = false);
  }

  /** Resolves when the connection is gone. */
  get closed(): Promise<void> {
    return this.#channel.closed;
  }

  /** The next envelope, read. */
  // deno-lint-ignore no-explicit-any -- tests look into whatever came
  async next(): Promise<any> {
    const text = await this.#channel.receive();
    if (text === undefined) throw new Error("the client has left");
    return JSON.parse(text);
  }

  /** Sends an envelope in the bare shape that peers write. */
  answer(type: string, id: string, payload: unknown): Promise<void> {
    return this.send(JSON.stringify({ version: "1.0", type, id, payload }));
  }

  /** Sends any text. */
  send(text: string): Promise<void> {
    return this.#channel.send(text);
  }

  /** Says farewell. */
  close(): void {
    this.#channel.close();
  }

  /** Breaks the connection, as a network does. */
  cut(): void {
    this.#channel.vanish();
  }
}

/** A channel for a client, and who is at its other end. */
export function scriptedPair(): [TestChannel, ScriptedPeer] {
  const [ours, theirs] = channelPair();
  return [ours, new ScriptedPeer(theirs)];
}

/** The payload of a message in the agent's role. */
export function said(content: unknown): unknown {
  return { message: { role: "agent", content, metadata: {} } };
}
