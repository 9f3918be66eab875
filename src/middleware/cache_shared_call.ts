import type { CallOptions } from "../core/call.ts";
import type { Timer } from "../core/clock.ts";
import { TimeoutError } from "../core/errors.ts";
import type { Message } from "../core/message.ts";
import { LinkedSignal, reasonOf, unwatchAbort, watchAbort } from "../core/signals.ts";
import type { Flight, FlightInit } from "./cache_flight.ts";
import { isTimeout } from "./outcome.ts";

/**
 * One call of an agent for all who ask the same at the same time. Who leaves
 * leaves alone; when the last one has left, the call is cancelled.
 *
 * The call has the first caller's deadline. Should it miss that, those with
 * more time try once more together; those with less leave at their own.
 */
export class SharedCall implements Flight {
  readonly request: Message;
  readonly tenant: string | undefined;
  voided = false;
  readonly #init: FlightInit;
  readonly #link = new LinkedSignal();
  readonly #callers = new Set<Caller>();
  /** Whether it goes on although nobody waits for it. */
  #unattended: boolean;
  #deadline: number | undefined;
  #open = true;

  constructor(init: FlightInit, unattended: boolean) {
    this.#init = init;
    this.request = init.request;
    this.tenant = init.tenant;
    this.#unattended = unattended;
    this.#deadline = unattended ? undefined : init.call?.deadline;
  }

  /** Calls the agent. To be called once, after the first has joined. */
  start(): void {
    const { next, request, call } = this.#init;
    let answer: Promise<Message>;
    try {
      const values = call?.values;
      const options = this.#link.options({ values, deadline: this.#deadline });
      answer = Promise.resolve(next.process(request, options));
    } catch (error) {
      answer = Promise.reject(error);
    }
    answer.then((message) => this.#answered(message), (error) => this.#failed(error));
  }

  /** Waits for the answer, as long as the caller's signal and deadline allow. */
  join(call: CallOptions | undefined): Promise<Message> {
    // From now on it is somebody's business whether it goes on.
    this.#unattended = false;
    return new Promise((resolve, reject) => {
      const caller = new Caller(this, call, resolve, reject);
      this.#callers.add(caller);
      watchAbort(call, caller);
      this.#guardDeadline(caller);
    });
  }

  /** Ends one caller's wait. */
  leave(caller: Caller, reason: unknown): void {
    if (!this.#callers.delete(caller)) return;
    caller.release();
    caller.reject(reason);
    if (this.#callers.size > 0 || this.#unattended) return;
    this.#close();
    this.#link.abort(reason);
  }

  /** The agent knows only its own call's deadline; an earlier one has to be kept here. */
  #guardDeadline(caller: Caller): void {
    const { deadline } = caller;
    if (deadline === undefined || deadline >= (this.#deadline ?? Number.POSITIVE_INFINITY)) return;
    caller.timer ??= this.#init.clock.schedule(deadline, () => {
      this.leave(caller, new TimeoutError("The deadline passed while waiting for a shared call"));
    });
  }

  #answered(message: Message): void {
    if (!this.#open) return;
    this.#close();
    if (!this.voided) this.#init.keep([message]);
    for (const caller of this.#settled()) caller.resolve(message);
  }

  #failed(error: unknown): void {
    if (!this.#open) return;
    const deadline = this.#deadline;
    if (deadline !== undefined && isTimeout(error) && this.#init.clock.now() >= deadline) {
      const later = this.#latestDeadline();
      if (later === undefined || later > deadline) return this.#tryLonger(deadline, later, error);
    }
    this.#close();
    for (const caller of this.#settled()) caller.reject(error);
  }

  #tryLonger(missed: number, deadline: number | undefined, error: unknown): void {
    this.#deadline = deadline;
    for (const caller of this.#callers) {
      if (caller.deadline !== undefined && caller.deadline <= missed) this.leave(caller, error);
      else this.#guardDeadline(caller);
    }
    this.start();
  }

  #latestDeadline(): number | undefined {
    let latest = Number.NEGATIVE_INFINITY;
    for (const { deadline } of this.#callers) {
      if (deadline === undefined) return undefined;
      latest = Math.max(latest, deadline);
    }
    return latest;
  }

  #settled(): Caller[] {
    const callers = [...this.#callers];
    this.#callers.clear();
    for (const caller of callers) caller.release();
    return callers;
  }

  #close(): void {
    this.#open = false;
    this.#init.close();
  }
}

class Caller {
  readonly resolve: (message: Message) => void;
  readonly reject: (reason: unknown) => void;
  /** Rings at its own deadline. */
  timer: Timer | undefined;
  readonly #shared: SharedCall;
  readonly #call: CallOptions | undefined;

  constructor(
    shared: SharedCall,
    call: CallOptions | undefined,
    resolve: (message: Message) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#shared = shared;
    this.#call = call;
    this.resolve = resolve;
    this.reject = reject;
  }

  get deadline(): number | undefined {
    return this.#call?.deadline;
  }

  handleEvent(): void {
    this.#shared.leave(this, reasonOf(this.#call));
  }

  release(): void {
    unwatchAbort(this.#call, this);
    this.timer?.cancel();
  }
}
