import type { CallOptions } from "./call.ts";
import type { ContextValues } from "./context.ts";
import type { LinkedSignal } from "./signals.ts";

const LINK: unique symbol = Symbol("agenkit.link");

/** Call options that know whose signal they hand on. */
interface LinkedOptions extends CallOptions {
  readonly [LINK]?: LinkedSignal;
}

/**
 * Call options that hand a linked signal on, and make it once somebody asks for
 * it. It is an own, enumerable getter: copying the options by spread keeps it.
 */
export function lazyOptions(
  link: LinkedSignal,
  deadline: number | undefined,
  values: ContextValues | undefined,
): CallOptions {
  return new LazyOptions(link, deadline, values);
}

/** Call options that hand a linked signal on, which is made at once. */
export function eagerOptions(
  link: LinkedSignal,
  deadline: number | undefined,
  values: ContextValues | undefined,
): CallOptions {
  return new EagerOptions(link, deadline, values);
}

/** The signal that these very options hand on; a copy of them might have another. */
export function linkOf(call: LinkedOptions): LinkedSignal | undefined {
  const link = call[LINK];
  return link !== undefined && link.owns(call) ? link : undefined;
}

class EagerOptions implements LinkedOptions {
  readonly signal: AbortSignal;
  readonly deadline: number | undefined;
  readonly values: ContextValues | undefined;
  readonly [LINK]: LinkedSignal;

  constructor(
    link: LinkedSignal,
    deadline: number | undefined,
    values: ContextValues | undefined,
  ) {
    this.signal = link.signal;
    this.deadline = deadline;
    this.values = values;
    this[LINK] = link;
  }
}

// One getter for all: a getter written in an object literal is a new one each
// time, for which V8 makes a new kind of object each time.
const LAZY_SIGNAL: PropertyDescriptor = {
  get(this: { readonly [LINK]: LinkedSignal }): AbortSignal {
    return this[LINK].signal;
  },
  enumerable: true,
};

class LazyOptions implements LinkedOptions {
  declare readonly signal: AbortSignal;
  readonly deadline: number | undefined;
  readonly values: ContextValues | undefined;
  readonly [LINK]: LinkedSignal;

  constructor(
    link: LinkedSignal,
    deadline: number | undefined,
    values: ContextValues | undefined,
  ) {
    Object.defineProperty(this, "signal", LAZY_SIGNAL);
    this.deadline = deadline;
    this.values = values;
    this[LINK] = link;
  }
}
