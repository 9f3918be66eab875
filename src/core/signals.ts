import type { CallOptions } from "./call.ts";
import { eagerOptions, lazyOptions, linkOf } from "./linked_options.ts";

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

/** Whether a source has aborted, as far as can be told without waking it up. */
export function isAborted(source: SignalSource | undefined): boolean {
  if (source === undefined || typeof source === "function") return false;
  if ("aborted" in source) return source.aborted;
  const link = linkOf(source);
  return link === undefined ? source.signal?.aborted === true : link.aborted;
}

function reasonFrom(source: SignalSource | undefined): unknown {
  if (source === undefined || typeof source === "function") return undefined;
  return "aborted" in source ? source.reason : reasonOf(source);
}

/** Told of an abort. It is an event listener object, so that watching takes no closure. */
export interface AbortWatcher {
  /** Runs once, when the call was aborted. */
  handleEvent(): void;
}

/**
 * Tells a watcher when a call is aborted. The signal of a layer above is not
 * woken up for that, and its event target, which is slow, not used. To be
 * called only for a call that has not been aborted yet.
 */
export function watchAbort(call: CallOptions | undefined, watcher: AbortWatcher): void {
  if (call === undefined) return;
  const link = linkOf(call);
  if (link !== undefined) link.watch(watcher);
  else call.signal?.addEventListener("abort", watcher);
}

/** Takes back what {@linkcode watchAbort} has asked for. */
export function unwatchAbort(call: CallOptions | undefined, watcher: AbortWatcher): void {
  if (call === undefined) return;
  const link = linkOf(call);
  if (link !== undefined) link.unwatch(watcher);
  else call.signal?.removeEventListener("abort", watcher);
}

/**
 * A signal of one's own below a caller's: it aborts when the caller's does, or
 * by {@linkcode LinkedSignal.abort}. The listener on the parent is made only
 * when somebody asks for the signal or watches it, since most calls never do
 * and `AbortSignal.any` costs more than a whole call.
 */
export class LinkedSignal implements AbortWatcher {
  #parent: SignalSource | undefined;
  #controller: AbortController | undefined;
  /** Whether the parent has been asked to tell of its abort. */
  #linked = false;
  #released = false;
  /** What the parent was when that was done, if it is not call options. */
  #signal: AbortSignal | undefined;
  #aborted = false;
  #reason: unknown;
  /** The options that hand this signal on. A copy of them might have another signal. */
  #options: CallOptions | undefined;
  /** Those handed out before: nearly always there are none. */
  #earlierOptions: WeakSet<CallOptions> | undefined;
  /** Hardly ever are there more than two watchers: a timeout and a breaker below it. */
  #watcher: AbortWatcher | undefined;
  #second: AbortWatcher | undefined;
  #others: Set<AbortWatcher> | undefined;

  /** @param parent The caller's signal, or where to find it should somebody ask. */
  constructor(parent?: SignalSource) {
    this.#parent = parent;
  }

  /** The linked signal. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      this.#link();
      if (this.#aborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Why it has aborted. */
  get reason(): unknown {
    return this.#aborted ? this.#reason : reasonFrom(this.#parent);
  }

  /** Whether it or its parent has aborted, without making a signal. */
  get aborted(): boolean {
    return this.#aborted || isAborted(this.#parent);
  }

  /** Aborts the signal, with a reason. Only the first reason counts. */
  abort(reason?: unknown): void {
    if (this.#aborted) return;
    // The parent may have aborted after it was let go of, or within this very turn.
    if (isAborted(this.#parent)) return this.handleEvent();
    this.#abort(reason ?? new DOMException("The signal has been aborted", "AbortError"));
  }

  /** Runs when the parent has aborted. */
  handleEvent(): void {
    if (!this.#aborted) this.#abort(reasonFrom(this.#parent));
  }

  /** Tells a watcher of the abort. */
  watch(watcher: AbortWatcher): void {
    if (this.#watcher === undefined) this.#watcher = watcher;
    else if (this.#second === undefined) this.#second = watcher;
    else (this.#others ??= new Set()).add(watcher);
    this.#link();
  }

  /** Takes a watcher back. */
  unwatch(watcher: AbortWatcher): void {
    if (this.#watcher === watcher) this.#watcher = undefined;
    else if (this.#second === watcher) this.#second = undefined;
    else this.#others?.delete(watcher);
  }

  /** Lets go of the parent. To be called when the call is over. */
  release(): void {
    this.#released = true;
    if (!this.#linked) return;
    this.#linked = false;
    if (this.#signal !== undefined) this.#signal.removeEventListener("abort", this);
    else unwatchAbort(this.#parent as CallOptions, this);
    this.#signal = undefined;
  }

  /**
   * Call options with this signal in place of the caller's. The signal is an
   * own, enumerable getter: copying the options by spread keeps it.
   */
  options(
    call: CallOptions | undefined,
    deadline: number | undefined = call?.deadline,
  ): CallOptions {
    return this.#handOut(lazyOptions(this, deadline, call?.values));
  }

  /**
   * Like {@linkcode LinkedSignal.options}, but makes the signal at once: that
   * costs less than a lazy one where the parent is watched anyway.
   */
  eagerOptions(
    call: CallOptions | undefined,
    deadline: number | undefined = call?.deadline,
  ): CallOptions {
    return this.#handOut(eagerOptions(this, deadline, call?.values));
  }

  /** Whether these options hand this signal on, and are no copy. */
  owns(options: CallOptions): boolean {
    return this.#options === options || this.#earlierOptions?.has(options) === true;
  }

  #handOut(options: CallOptions): CallOptions {
    if (this.#options !== undefined) (this.#earlierOptions ??= new WeakSet()).add(this.#options);
    return this.#options = options;
  }

  #link(): void {
    const parent = this.#parent;
    if (parent === undefined || this.#linked || this.#aborted) return;
    if (isAborted(parent)) return this.handleEvent();
    if (this.#released) return;
    this.#linked = true;
    if (typeof parent !== "function" && !("aborted" in parent)) return watchAbort(parent, this);
    // A function is asked once.
    const signal = this.#parent = typeof parent === "function" ? parent() : parent;
    if (signal.aborted) return this.handleEvent();
    this.#signal = signal;
    signal.addEventListener("abort", this);
  }

  #abort(reason: unknown): void {
    this.#aborted = true;
    this.#reason = reason;
    this.release();
    this.#controller?.abort(reason);
    const watchers = [this.#watcher, this.#second, ...this.#others ?? []];
    this.#watcher = this.#second = this.#others = undefined;
    for (const watcher of watchers) watcher?.handleEvent();
  }
}

/**
 * Throws the reason of a call that was aborted already, without waking up a
 * signal that nobody has asked for yet.
 */
export function throwIfAborted(call: CallOptions | undefined): void {
  if (isAborted(call)) throw reasonOf(call);
}

/** Why a call was aborted. */
export function reasonOf(call: CallOptions | undefined): unknown {
  if (call === undefined) return undefined;
  const link = linkOf(call);
  return link === undefined ? call.signal?.reason : link.reason;
}
