import { encodeError, encodeStreamEnd } from "../../protocol/encode.ts";
import type { RequestEnvelope } from "../../protocol/envelope.ts";
import { toAgenkitError } from "../../protocol/wire_error.ts";
import { encodeAnswer, prepareCall } from "../channel/call.ts";
import { runProcess, StreamRun } from "../run.ts";
import { shownError } from "../shown_error.ts";
import { MUX_WINDOW } from "./mux.ts";
import type { MuxConnection } from "./mux_connection.ts";

/** One call of a {@linkcode MuxConnection}, from its request to the last envelope of its answer. */
export class MuxServerCall {
  readonly #connection: MuxConnection;
  readonly #request: RequestEnvelope;
  readonly #controller = new AbortController();
  /** How many characters of envelopes the reader still takes. */
  #credit = MUX_WINDOW;
  #wake: (() => void) | undefined;

  constructor(connection: MuxConnection, request: RequestEnvelope) {
    this.#connection = connection;
    this.#request = request;
  }

  /** Answers. Never rejects. */
  async run(): Promise<void> {
    const { id, method } = this.#request;
    const { server: { settings }, values } = this.#connection;
    const { signal } = this.#controller;
    const streams = method === "stream";
    let last: string;
    try {
      const { agent, message, options } = prepareCall(this.#request, settings, signal, values);
      if (streams) {
        await this.#stream(new StreamRun(agent, message, options));
        last = encodeStreamEnd(id);
      } else {
        last = encodeAnswer("response", id, await runProcess(agent, message, options), settings);
      }
    } catch (thrown) {
      last = encodeError(id, shownError(toAgenkitError(thrown), settings.errorText), streams);
    }
    // Who has cancelled, or left, waits for nothing.
    if (!signal.aborted) await this.#connection.send(last).catch(() => {});
    this.#connection.forget(id);
  }

  /** Ends the call: its agent's signal aborts. */
  stop(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** The reader has taken so much, and takes as much more. */
  addCredit(count: number): void {
    this.#credit += count;
    if (this.#credit > 0) this.#wake?.();
  }

  async #stream(run: StreamRun): Promise<void> {
    const { server: { settings } } = this.#connection;
    const { id } = this.#request;
    // A reader that takes nothing must not outlast the time of the call.
    run.onStop(() => this.#wake?.());
    try {
      for (;;) {
        if (this.#credit <= 0) await this.#moreCredit();
        const { value, done } = await run.next();
        if (done) return;
        const text = encodeAnswer("stream_chunk", id, value, settings);
        this.#credit -= text.length;
        await this.#connection.send(text);
      }
    } catch (error) {
      run.stop(error);
      throw error;
    }
  }

  #moreCredit(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
