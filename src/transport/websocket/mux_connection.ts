import type { Timer } from "../../core/clock.ts";
import type { ContextValues } from "../../core/context.ts";
import { AgenkitError, codeOf } from "../../core/errors.ts";
import { EnvelopeError } from "../../protocol/decode.ts";
import { encodeError } from "../../protocol/encode.ts";
import { UNKNOWN_ID } from "../../protocol/envelope.ts";
import { toAgenkitError } from "../../protocol/wire_error.ts";
import { decodeRequest, sendInTime } from "../channel/call.ts";
import type { ChannelServer, ServedConnection } from "../channel/server.ts";
import type { MuxChannel } from "./batch.ts";
import { CLOSE } from "./close_codes.ts";
import { decodeControl, encodeControl } from "./mux.ts";
import { MuxServerCall } from "./mux_server_call.ts";

/**
 * After how many milliseconds a client gets a sign of life for what it sent, if
 * nothing else. Without one, TCP of a client that joins small segments (Nagle's
 * algorithm, which Deno's WebSocket leaves on) holds its next call back until
 * this side acknowledges the last, for which TCP takes 40 ms.
 */
const ACKNOWLEDGE_MS = 1;

const PONG = encodeControl(["pong"]);

/** The server's side of one connection that carries many calls. */
export class MuxConnection implements ServedConnection {
  /** The server whose agents answer. */
  readonly server: ChannelServer;
  /** What the agents find in `call.values`. */
  readonly values: ContextValues | undefined;
  readonly #channel: MuxChannel;
  readonly #maxCalls: number;
  readonly #calls = new Map<string, MuxServerCall>();
  #draining = false;
  /** Whether something has come, or run, since the idle timer was set. */
  #active = false;
  #idleTimer: Timer | undefined;
  /** Whether nothing was sent since something came. */
  #owing = false;
  #owingTimer: Timer | undefined;

  /** @param maxCalls How many calls may run at once. */
  constructor(
    channel: MuxChannel,
    server: ChannelServer,
    values: ContextValues | undefined,
    maxCalls: number,
  ) {
    this.#channel = channel;
    this.server = server;
    this.values = values;
    this.#maxCalls = maxCalls;
  }

  async run(): Promise<void> {
    let code: number = CLOSE.normal;
    try {
      this.#watchIdle();
      for (;;) {
        const text = await this.#channel.receive();
        if (text === undefined) break;
        this.#active = true;
        this.#acknowledgeSoon();
        const told = this.#handle(text);
        if (told !== undefined) await told;
      }
    } catch (error) {
      code = await this.#refuse(error);
    } finally {
      this.#idleTimer?.cancel();
      this.#owingTimer?.cancel();
      this.#abort("The client has left");
      this.#channel.close(code);
    }
  }

  drain(): void {
    this.#draining = true;
    this.#closeIfDrained();
  }

  close(code: number, reason: string): void {
    this.#abort(reason);
    this.#channel.close(code, reason);
  }

  /** Sends what belongs to a call, and drops a peer that takes nothing for too long. */
  send(text: string): Promise<void> {
    this.#owing = false;
    return sendInTime(
      this.#channel,
      [text, this.#calls.size <= 1],
      this.server.settings,
      (reason) => this.close(CLOSE.goingAway, reason),
    );
  }

  /** Forgets a call that has ended. */
  forget(id: string): void {
    this.#calls.delete(id);
    this.#active = true;
    this.server.release();
    this.#closeIfDrained();
  }

  /** What it gives has to be waited for: who takes no answers is not read any further. */
  #handle(text: string): Promise<void> | undefined {
    const frame = decodeControl(text);
    if (frame === undefined) return this.#begin(text);
    switch (frame[0]) {
      case "cancel":
        // It may have ended at the same time.
        this.#calls.get(frame[1])?.stop(new DOMException("The caller has left", "AbortError"));
        return this.#tell(PONG);
      case "credit":
        this.#calls.get(frame[1])?.addCredit(frame[2]);
        return undefined;
      case "ping":
        return this.#tell(PONG);
    }
  }

  #begin(text: string): Promise<void> | undefined {
    let id = UNKNOWN_ID;
    try {
      const request = decodeRequest(text);
      // One that runs already must not get the error of another.
      if (this.#calls.has(request.id)) {
        throw new AgenkitError(
          "already_exists",
          `Cannot begin call ${JSON.stringify(request.id)}: one of this id runs`,
        );
      }
      id = request.id;
      if (this.#calls.size >= this.#maxCalls) {
        throw new AgenkitError(
          "resource_exhausted",
          `Too many calls on this connection: expected at most ${this.#maxCalls} at once`,
          { retryAfterMs: 1000 },
        );
      }
      this.server.admit();
      const call = new MuxServerCall(this, request);
      this.#calls.set(id, call);
      void call.run();
      return undefined;
    } catch (thrown) {
      if (thrown instanceof EnvelopeError) id = thrown.id;
      return this.#tell(encodeError(id, toAgenkitError(thrown)));
    }
  }

  /** Sends what belongs to no call. */
  #tell(text: string): Promise<void> {
    return this.send(text).catch(() => {});
  }

  async #refuse(thrown: unknown): Promise<number> {
    const code = codeOf(thrown);
    if (code !== "invalid_argument" && code !== "resource_exhausted") return CLOSE.normal;
    await this.send(encodeError(UNKNOWN_ID, toAgenkitError(thrown))).catch(() => {});
    return CLOSE.policy;
  }

  #abort(reason: string): void {
    for (const call of [...this.#calls.values()]) {
      call.stop(new DOMException(reason, "AbortError"));
    }
  }

  #closeIfDrained(): void {
    if (!this.#draining || this.#calls.size > 0) return;
    this.#channel.close(CLOSE.goingAway, "The server is draining");
  }

  #acknowledgeSoon(): void {
    this.#owing = true;
    if (this.#owingTimer !== undefined) return;
    const { clock } = this.server.settings;
    this.#owingTimer = clock.schedule(clock.now() + ACKNOWLEDGE_MS, () => {
      this.#owingTimer = undefined;
      if (this.#owing) void this.#tell(PONG);
    });
  }

  /** One timer a connection, which looks whether something went on since it was set. */
  #watchIdle(): void {
    const { clock, idleTimeoutMs } = this.server.settings;
    if (!Number.isFinite(idleTimeoutMs)) return;
    this.#active = false;
    this.#idleTimer = clock.schedule(clock.now() + idleTimeoutMs, () => {
      // A client whose call runs sends pings meanwhile, unless it is gone.
      if (this.#active) this.#watchIdle();
      else this.close(CLOSE.goingAway, `Nothing came for ${idleTimeoutMs} ms`);
    });
  }
}
