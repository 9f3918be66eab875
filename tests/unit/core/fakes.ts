// Stand-ins for the globals that the core uses, with counters. Every test that
// installs one takes it back in `finally`.

/** A `setTimeout` that counts, and runs callbacks only when told to. */
export class FakeTimers {
  /** The time, in milliseconds; moved by {@linkcode FakeTimers.fire}. */
  now = 0;
  /** How many timers were ever set. */
  made = 0;
  /** The most that were armed at the same time. */
  most = 0;
  /** The delays asked for, in order. */
  readonly delays: number[] = [];
  readonly #armed = new Map<number, { readonly at: number; readonly callback: () => void }>();
  readonly #set = globalThis.setTimeout;
  readonly #clear = globalThis.clearTimeout;

  /** How many timers wait. */
  get armed(): number {
    return this.#armed.size;
  }

  install(): this {
    const set = (callback: () => void, delay = 0): number => {
      const id = ++this.made;
      this.delays.push(delay);
      this.#armed.set(id, { at: this.now + delay, callback });
      this.most = Math.max(this.most, this.armed);
      return id;
    };
    const clear = (id?: number) => void this.#armed.delete(id!);
    globalThis.setTimeout = set as unknown as typeof setTimeout;
    globalThis.clearTimeout = clear as unknown as typeof clearTimeout;
    return this;
  }

  restore(): void {
    globalThis.setTimeout = this.#set;
    globalThis.clearTimeout = this.#clear;
  }

  /** Runs the timer that is due first, `early` milliseconds before its time. */
  fire(early = 0): void {
    const first = [...this.#armed].sort(([, a], [, b]) => a.at - b.at)[0];
    if (first === undefined) throw new Error("No timer is armed");
    this.#armed.delete(first[0]);
    this.now = Math.max(this.now, first[1].at - early);
    first[1].callback();
  }

  /** Runs timers, and what they set, until the time has come. */
  runTo(time: number): void {
    for (let i = 0; this.armed > 0; i++) {
      if (i > 100_000) throw new Error("Timers without end");
      if (Math.min(...[...this.#armed.values()].map(({ at }) => at)) > time) break;
      this.fire();
    }
    this.now = time;
  }
}

/** Runs a body with fake timers. */
export function withTimers<T>(body: (timers: FakeTimers) => T): T {
  const timers = new FakeTimers().install();
  try {
    return body(timers);
  } finally {
    timers.restore();
  }
}

/** A signal that tells how many listen to it. */
export class WatchedSignal {
  readonly controller: AbortController = new AbortController();
  readonly signal: AbortSignal = this.controller.signal;
  /** How many listeners were ever added. */
  added = 0;
  readonly #listeners = new Set<unknown>();

  constructor() {
    const { signal } = this;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    Object.defineProperty(signal, "addEventListener", {
      value: (...args: Parameters<typeof add>) => {
        this.added++;
        this.#listeners.add(args[1]);
        add(...args);
      },
    });
    Object.defineProperty(signal, "removeEventListener", {
      value: (...args: Parameters<typeof remove>) => {
        this.#listeners.delete(args[1]);
        remove(...args);
      },
    });
  }

  /** How many listen now. */
  get listeners(): number {
    return this.#listeners.size;
  }
}

/** Counts how many `AbortController`s a body makes. */
export function countControllers(body: () => void): number {
  const Original = globalThis.AbortController;
  let made = 0;
  globalThis.AbortController = class extends Original {
    constructor() {
      super();
      made++;
    }
  };
  try {
    body();
  } finally {
    globalThis.AbortController = Original;
  }
  return made;
}

/** A stream written by hand that shows what its reader does. */
export class Source<T> implements AsyncIterableIterator<T> {
  /** How often `next` was called. */
  nexts = 0;
  /** How often `return` was called. */
  returns = 0;
  readonly #next: (n: number) => Promise<IteratorResult<T>> | IteratorResult<T>;
  readonly #onReturn: () => void | Promise<void>;

  /** Takes what the nth `next` gives, from 0, and what `return` does. */
  constructor(
    next: (n: number) => Promise<IteratorResult<T>> | IteratorResult<T>,
    onReturn: () => void | Promise<void> = () => {},
  ) {
    this.#next = next;
    this.#onReturn = onReturn;
  }

  async next(): Promise<IteratorResult<T>> {
    return await this.#next(this.nexts++);
  }

  async return(): Promise<IteratorResult<T>> {
    this.returns++;
    await this.#onReturn();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Numbers from 0, below `end`. */
export function numbers(
  end: number = Infinity,
  onReturn?: () => void | Promise<void>,
): Source<number> {
  return new Source<number>(
    (n) => n < end ? { done: false, value: n } : { done: true, value: undefined },
    onReturn,
  );
}

/** Lets everything that is ready run, timers of 0 ms included. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

/** Lets promise jobs run, without a timer. */
export async function jobs(rounds = 50): Promise<void> {
  for (let i = 0; i < rounds; i++) await null;
}
