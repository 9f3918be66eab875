import type { CallOptions } from "./call.ts";
import type { ContextValues } from "./context.ts";

const NOTHING = () => {};

/**
 * Runs a callback once when a signal aborts, at once if it has already.
 *
 * @returns Takes the callback back.
 */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal === undefined) return NOTHING;
  if (signal.aborted) {
    callback();
    return NOTHING;
  }
  signal.addEventListener("abort", callback, { once: true });
  return () => signal.removeEventListener("abort", callback);
}

/**
 * A signal of one's own below a caller's: it aborts when the caller's does, or
 * by {@linkcode LinkedSignal.abort}. The `AbortController` and the listener on
 * the parent are made only when somebody asks for the signal, since most calls
 * never do and `AbortSignal.any` costs more than a whole call.
 */
export class LinkedSignal {
  readonly #parent: AbortSignal | undefined;
  #controller: AbortController | undefined;
  #unlink: () => void = NOTHING;
  #aborted = false;
  #reason: unknown;

  /** @param parent The caller's signal, if there is one. */
  constructor(parent?: AbortSignal) {
    this.#parent = parent;
  }

  /** The linked signal. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      if (this.#aborted) controller.abort(this.#reason);
      else {
        const parent = this.#parent;
        this.#unlink = onAbort(parent, () => controller.abort(parent!.reason));
      }
    }
    return this.#controller.signal;
  }

  /** Whether it or its parent has aborted, without making a signal. */
  get aborted(): boolean {
    return this.#aborted || this.#controller?.signal.aborted === true ||
      this.#parent?.aborted === true;
  }

  /** Aborts the signal, with a reason. Only the first reason counts. */
  abort(reason?: unknown): void {
    if (this.aborted) return;
    this.#aborted = true;
    this.#reason = reason ?? new DOMException("The signal has been aborted", "AbortError");
    this.#controller?.abort(this.#reason);
    this.release();
  }

  /** Lets go of the parent. To be called when the call is over. */
  release(): void {
    this.#unlink();
    this.#unlink = NOTHING;
  }

  /**
   * Call options with this signal in place of the caller's. The signal is an
   * own, enumerable getter: copying the options by spread keeps it.
   */
  options(
    call: CallOptions | undefined,
    deadline: number | undefined = call?.deadline,
  ): CallOptions {
    return linkedOptions(this, deadline, call?.values);
  }
}

const LINK: unique symbol = Symbol("agenkit.link");

interface LinkedOptions extends CallOptions {
  readonly [LINK]?: LinkedSignal;
}

function linkedOptions(
  link: LinkedSignal,
  deadline: number | undefined,
  values: ContextValues | undefined,
): LinkedOptions {
  return {
    get signal() {
      return link.signal;
    },
    deadline,
    values,
    [LINK]: link,
  };
}

/**
 * Throws the reason of a call that was aborted already, without waking up a
 * signal that nobody has asked for yet.
 */
export function throwIfAborted(call: LinkedOptions | undefined): void {
  if (call === undefined) return;
  const link = call[LINK];
  if (link === undefined || link.aborted) call.signal?.throwIfAborted();
}
