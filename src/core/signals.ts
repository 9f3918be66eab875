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
 * Where a signal comes from: itself, call options (whose signal may be lazy
 * too), or a function for one that costs something to ask for.
 */
export type SignalSource = AbortSignal | CallOptions | (() => AbortSignal);

function signalOf(source: SignalSource | undefined): AbortSignal | undefined {
  if (source === undefined) return undefined;
  if (typeof source === "function") return source();
  return "aborted" in source ? source : source.signal;
}

/** Whether a source has aborted, as far as can be told without waking it up. */
export function isAborted(source: SignalSource | undefined): boolean {
  if (source === undefined || typeof source === "function") return false;
  if ("aborted" in source) return source.aborted;
  const link = (source as LinkedOptions)[LINK];
  return link === undefined ? source.signal?.aborted === true : link.aborted;
}

/**
 * A signal of one's own below a caller's: it aborts when the caller's does, or
 * by {@linkcode LinkedSignal.abort}. The `AbortController` and the listener on
 * the parent are made only when somebody asks for the signal, since most calls
 * never do and `AbortSignal.any` costs more than a whole call.
 */
export class LinkedSignal {
  readonly #parent: SignalSource | undefined;
  #controller: AbortController | undefined;
  #unlink: () => void = NOTHING;
  #aborted = false;
  #reason: unknown;

  /** @param parent The caller's signal, or where to find it should somebody ask. */
  constructor(parent?: SignalSource) {
    this.#parent = parent;
  }

  /** The linked signal. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      if (this.#aborted) controller.abort(this.#reason);
      else {
        const parent = signalOf(this.#parent);
        this.#unlink = onAbort(parent, () => controller.abort(parent!.reason));
      }
    }
    return this.#controller.signal;
  }

  /** Whether it or its parent has aborted, without making a signal. */
  get aborted(): boolean {
    return this.#aborted || this.#controller?.signal.aborted === true || isAborted(this.#parent);
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
export function throwIfAborted(call: CallOptions | undefined): void {
  if (isAborted(call)) call!.signal!.throwIfAborted();
}
