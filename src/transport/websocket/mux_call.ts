import { AgenkitError } from "../../core/errors.ts";
import type { CallChannel } from "../channel/channel.ts";
import { encodeControl, MUX_WINDOW } from "./mux.ts";
import type { MuxSession } from "./mux_session.ts";

/** One call on a connection that carries many: a channel of its own. */
export class MuxCall implements CallChannel {
  readonly callId: string;
  /** How many envelopes had come on the connection when one last came for this call. */
  heardAt: number;
  readonly #session: MuxSession;
  /** Made only if somebody asks for it. */
  #gone: PromiseWithResolvers<void> | undefined;
  #unread: string[] = [];
  #unreadLength = 0;
  /** Characters that were taken and not yet given back as credit. */
  #taken = 0;
  #receiver: PromiseWithResolvers<string | undefined> | undefined;
  #sent = false;
  /** Whether the last envelope of the answer has come. */
  #complete = false;
  #end: { readonly error?: AgenkitError } | undefined;

  constructor(session: MuxSession, id: string) {
    this.#session = session;
    this.callId = id;
    this.heardAt = session.received;
  }

  get closed(): Promise<void> {
    this.#gone ??= Promise.withResolvers();
    if (this.#end !== undefined) this.#gone.resolve();
    return this.#gone.promise;
  }

  send(text: string): Promise<void> {
    if (this.#end !== undefined) return Promise.reject(this.#lost());
    this.#sent = true;
    return this.#session.send(text);
  }

  receive(): Promise<string | undefined> {
    const text = this.#unread.shift();
    if (text !== undefined) {
      this.#unreadLength -= text.length;
      this.#giveCredit(text.length);
      return Promise.resolve(text);
    }
    if (this.#end !== undefined) {
      const { error } = this.#end;
      return error === undefined ? Promise.resolve(undefined) : Promise.reject(error);
    }
    this.#receiver = Promise.withResolvers();
    return this.#receiver.promise;
  }

  /** Ends the call; the other side is told, unless it has said all. */
  close(): void {
    if (this.#end !== undefined) return;
    this.#unread = [];
    this.end(undefined);
    this.#session.forget(this, this.#sent && !this.#complete);
  }

  /**
   * Takes an envelope that came for this call.
   *
   * @param isLast Whether none comes after it.
   * @throws {AgenkitError} `resource_exhausted`, if the server sends beyond its credit.
   */
  deliver(text: string, isLast: boolean): void {
    if (isLast) this.#complete = true;
    this.heardAt = this.#session.received;
    const receiver = this.#receiver;
    if (receiver !== undefined) {
      this.#receiver = undefined;
      this.#giveCredit(text.length);
      receiver.resolve(text);
      return;
    }
    if (this.#unreadLength > MUX_WINDOW) {
      throw new AgenkitError("resource_exhausted", "The server sends more than it has credit for");
    }
    this.#unread.push(text);
    this.#unreadLength += text.length;
  }

  /** Ends the call from the session's side. What has come can still be taken. */
  end(error: AgenkitError | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = error === undefined ? {} : { error };
    const receiver = this.#receiver;
    this.#receiver = undefined;
    if (error === undefined) receiver?.resolve(undefined);
    else receiver?.reject(error);
    this.#gone?.resolve();
  }

  #giveCredit(length: number): void {
    this.#taken += length;
    // In large pieces: a frame for each chunk would cost as much as the chunk.
    if (this.#complete || this.#end !== undefined || this.#taken < MUX_WINDOW / 2) return;
    const count = this.#taken;
    this.#taken = 0;
    this.#session.send(encodeControl(["credit", this.callId, count])).catch(() => {});
  }

  #lost(): AgenkitError {
    return this.#end?.error ?? new AgenkitError("unavailable", "The call has ended");
  }
}
