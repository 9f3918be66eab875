import { closeIterator } from "../../core/abortable.ts";
import type { Message } from "../../core/message.ts";
import type { Request as ProtoRequest } from "../../gen/agent_pb.ts";

/** The messages of a conversation on their way out, no more at once than may lack an answer. */
export class Outbox {
  readonly #source: AsyncIterator<Message>;
  readonly #limit: number;
  readonly #write: (message: Message) => ProtoRequest;
  /** The ids of the requests without an answer, oldest first. */
  readonly #ids: string[] = [];
  #wake: (() => void) | undefined;
  #closed = false;
  #sentAll = false;
  readonly #onWaiting: () => void;
  /** What the source threw. */
  failure: { readonly error: unknown } | undefined;

  /** @param onWaiting Called when the server's turn begins: it owes something, and did not before. */
  constructor(
    messages: AsyncIterable<Message> | Iterable<Message>,
    limit: number,
    write: (message: Message) => ProtoRequest,
    onWaiting: () => void,
  ) {
    this.#onWaiting = onWaiting;
    this.#source = (async function* () {
      yield* messages;
    })();
    this.#limit = limit;
    this.#write = write;
  }

  /** How many requests have no answer yet. */
  get size(): number {
    return this.#ids.length;
  }

  /** Whether it is the server's turn: an answer is missing, or the end of all. */
  get waiting(): boolean {
    return this.#ids.length > 0 || this.#sentAll;
  }

  /** The requests, each when there is room for it. */
  async *requests(): AsyncGenerator<ProtoRequest, void, undefined> {
    try {
      for (;;) {
        while (this.#ids.length >= this.#limit && !this.#closed) {
          await new Promise<void>((resolve) => this.#wake = resolve);
        }
        if (this.#closed) return;
        const { value, done } = await this.#source.next();
        if (done || this.#closed) {
          this.#sentAll = true;
          if (this.#ids.length === 0) this.#onWaiting();
          return;
        }
        const request = this.#write(value);
        if (this.#ids.push(request.id) === 1) this.#onWaiting();
        yield request;
      }
    } catch (error) {
      this.failure = { error };
      throw error;
    }
  }

  /** The id that the next answer has to have. */
  get expected(): string | undefined {
    return this.#ids[0];
  }

  /** Makes room: an answer was read, and its reader is done with it. */
  answered(): void {
    this.#ids.shift();
    this.#wake?.();
  }

  /** Asks for no more messages. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
    void closeIterator(this.#source, true);
  }
}
