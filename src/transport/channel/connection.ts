import type { Timer } from "../../core/clock.ts";
import type { ContextValues } from "../../core/context.ts";
import { EnvelopeError } from "../../protocol/decode.ts";
import { encodeError, encodeStreamEnd } from "../../protocol/encode.ts";
import { UNKNOWN_ID } from "../../protocol/envelope.ts";
import { toAgenkitError } from "../../protocol/wire_error.ts";
import { runProcess, StreamRun } from "../run.ts";
import { shownError } from "../shown_error.ts";
import { decodeRequest, encodeAnswer, prepareCall, sendInTime } from "./call.ts";
import type { Channel } from "./channel.ts";
import { Inbox } from "./inbox.ts";
import type { ChannelServer, ServedConnection } from "./server.ts";

/** The WebSocket close codes (RFC 6455, section 7.4.1) that a connection may end with. */
const NORMAL = 1000;
const GOING_AWAY = 1001;
const BAD_DATA = 1007;
const TOO_BIG = 1009;

/** One connection of a {@linkcode ChannelServer}, from its first request to its end. */
export class Connection implements ServedConnection {
  readonly #channel: Channel;
  readonly #server: ChannelServer;
  readonly #values: ContextValues | undefined;
  readonly #inbox: Inbox;
  readonly #left = new AbortController();
  #busy = false;
  #draining = false;
  #idleSince = 0;
  #idleTimer: Timer | undefined;

  constructor(channel: Channel, server: ChannelServer, values: ContextValues | undefined) {
    this.#channel = channel;
    this.#server = server;
    this.#values = values;
    const { maxQueued, maxBytes } = server.settings;
    const limits = { maxQueued, maxLength: maxBytes };
    this.#inbox = new Inbox(channel, limits, () => this.#abort("The client has left"));
  }

  /** Answers requests until the peer or the server ends it. Never rejects. */
  async run(): Promise<void> {
    let code = NORMAL;
    try {
      this.#watchIdle();
      for (;;) {
        if (this.#draining && this.#inbox.isEmpty) {
          code = GOING_AWAY;
          break;
        }
        const text = await this.#inbox.next();
        if (text === undefined) break;
        this.#busy = true;
        await this.#answer(text);
        this.#busy = false;
        this.#idleSince = this.#server.settings.clock.now();
      }
    } catch (error) {
      code = await this.#refuse(error);
    } finally {
      this.#idleTimer?.cancel();
      this.#channel.close(code);
    }
  }

  /** Closes now if nothing runs, else when it has ended. */
  drain(): void {
    this.#draining = true;
    if (!this.#busy && this.#inbox.isEmpty) this.close(GOING_AWAY, "The server is draining");
  }

  /** Closes at once; what runs is aborted. */
  close(code: number, reason: string): void {
    this.#abort(reason);
    this.#channel.close(code, reason);
  }

  #abort(reason: string): void {
    this.#left.abort(new DOMException(reason, "AbortError"));
  }

  async #answer(text: string): Promise<void> {
    let id = UNKNOWN_ID;
    let admitted = false;
    let streaming = false;
    try {
      const request = decodeRequest(text);
      id = request.id;
      streaming = request.method === "stream";
      this.#server.admit();
      admitted = true;
      const { settings } = this.#server;
      const { signal } = this.#left;
      const { agent, message, options } = prepareCall(request, settings, signal, this.#values);
      if (streaming) await this.#stream(id, new StreamRun(agent, message, options));
      else {
        const answer = await runProcess(agent, message, options);
        await this.#send(encodeAnswer("response", id, answer, settings));
      }
    } catch (thrown) {
      // Nobody is there to be told.
      if (this.#left.signal.aborted) return;
      if (thrown instanceof EnvelopeError) id = thrown.id;
      await this.#send(
        encodeError(
          id,
          shownError(toAgenkitError(thrown), this.#server.settings.errorText),
          streaming,
        ),
      );
    } finally {
      if (admitted) this.#server.release();
    }
  }

  async #stream(id: string, run: StreamRun): Promise<void> {
    try {
      for (;;) {
        const { value, done } = await run.next();
        if (done) break;
        await this.#send(encodeAnswer("stream_chunk", id, value, this.#server.settings));
      }
    } catch (error) {
      run.stop(error);
      throw error;
    }
    await this.#send(encodeStreamEnd(id));
  }

  /** Sends, and drops a peer that takes nothing for too long. */
  #send(text: string): Promise<void> {
    return sendInTime(
      this.#channel,
      [text],
      this.#server.settings,
      (reason) => this.close(GOING_AWAY, reason),
    );
  }

  /** Tells a peer what was wrong with what it has sent, if it is still there. */
  async #refuse(thrown: unknown): Promise<number> {
    const error = toAgenkitError(thrown);
    if (this.#left.signal.aborted || error.code === "unavailable") return NORMAL;
    await this.#send(encodeError(UNKNOWN_ID, error)).catch(() => {});
    return error.code === "resource_exhausted" ? TOO_BIG : BAD_DATA;
  }

  /** One timer a connection: it is not set anew with each call, but looks when the last one ended. */
  #watchIdle(): void {
    const { clock, idleTimeoutMs } = this.#server.settings;
    if (!Number.isFinite(idleTimeoutMs)) return;
    this.#idleSince = clock.now();
    const look = () => {
      const now = clock.now();
      const active = this.#busy || this.#channel.isReceiving === true;
      const end = (active ? now : this.#idleSince) + idleTimeoutMs;
      if (end > now) this.#idleTimer = clock.schedule(end, look);
      else this.close(GOING_AWAY, `There was no call for ${idleTimeoutMs} ms`);
    };
    this.#idleTimer = clock.schedule(this.#idleSince + idleTimeoutMs, look);
  }
}
