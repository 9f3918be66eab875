import type { CallOptions } from "../core/call.ts";
import { type AbortWatcher, reasonOf, unwatchAbort, watchAbort } from "../core/signals.ts";
import type { Circuit } from "./circuit_breaker_circuit.ts";
import { isCancelled, isTimeout } from "./outcome.ts";
import type { StreamObserver } from "./pass_stream.ts";

/**
 * One call that a circuit has let in. Its outcome is told once: when it is
 * over, or already when it is aborted, since an agent that hangs and ignores
 * its signal would else never count, and hold a probe's place for ever.
 */
export class Admission implements AbortWatcher, StreamObserver {
  readonly #circuit: Circuit;
  readonly #generation: number;
  readonly #call: CallOptions | undefined;
  #open = true;

  constructor(circuit: Circuit, generation: number, call: CallOptions | undefined) {
    this.#circuit = circuit;
    this.#generation = generation;
    this.#call = call;
    watchAbort(call, this);
  }

  succeeded(): void {
    if (this.#close()) this.#circuit.succeeded(this.#generation);
  }

  failed(error: unknown): void {
    if (!this.#close()) return;
    if (isCancelled(error, this.#call)) this.#circuit.cancelled(this.#generation);
    else this.#fail(error);
  }

  abandoned(): void {
    if (this.#close()) this.#circuit.cancelled(this.#generation);
  }

  /** Runs when the call is aborted: by its caller, or by a timeout further out. */
  handleEvent(): void {
    if (!this.#close()) return;
    const reason = reasonOf(this.#call);
    if (isTimeout(reason)) this.#fail(reason);
    else this.#circuit.cancelled(this.#generation);
  }

  #fail(error: unknown): void {
    let counts = true;
    try {
      counts = this.#circuit.policy.isFailure(error);
    } finally {
      this.#circuit.failed(this.#generation, counts);
    }
  }

  #close(): boolean {
    if (!this.#open) return false;
    this.#open = false;
    unwatchAbort(this.#call, this);
    return true;
  }
}
