import {
  type Agent,
  agent,
  type CallOptions,
  type Message,
  message,
} from "../../../src/core/mod.ts";

/** A message to ask with. */
export const ask: Message = message("user", "hi");

/** An agent that answers with a text, or its name. */
export const says = (name: string, content: string = name): Agent => agent(name, () => content);

/** An agent that fails. */
export const fails = (name: string, error: unknown = new Error(`${name} broke`)): Agent =>
  agent(name, () => {
    throw error;
  });

/** An agent that counts its calls and looks at nothing, not even whether a call was aborted. */
export interface Counter extends Agent {
  /** How many calls it has had. */
  calls: number;
}

/** Makes a {@linkcode Counter}. */
export function counter(name = "counter"): Counter {
  const self: Counter = {
    name,
    calls: 0,
    process: (request) => {
      self.calls++;
      return Promise.resolve(request);
    },
  };
  return self;
}

/** An agent that streams some chunks and then ends, or fails. */
export const streams = (name: string, chunks: readonly string[], error?: unknown): Agent =>
  agent(name, async function* () {
    yield* chunks;
    if (error !== undefined) throw error;
  });

/** An agent that never answers, and takes no notice of its signal. */
export const deaf = (name = "deaf"): Agent => agent(name, () => new Promise<never>(() => {}));

/** An agent whose stream never yields, and takes no notice of its signal. */
export const deafStream = (name = "deaf"): Agent =>
  agent(name, async function* () {
    await new Promise<never>(() => {});
    yield "never";
  });

/** An agent that waits for its signal, and what became of it. */
export interface Obedient extends Agent {
  /** How many calls have begun. */
  begun: number;
  /** The reasons of the calls that were aborted. */
  readonly reasons: unknown[];
  /** How many calls have come to an end. */
  ended: number;
}

/** An agent that never answers, but ends as soon as its signal aborts. */
export function obedient(name = "obedient"): Obedient {
  const process = async (_: Message, call: CallOptions): Promise<never> => {
    self.begun++;
    try {
      return await new Promise<never>((_, reject) => {
        call.signal!.addEventListener("abort", () => {
          self.reasons.push(call.signal!.reason);
          reject(call.signal!.reason);
        });
      });
    } finally {
      // An end takes some promise jobs.
      for (let i = 0; i < 30; i++) await null;
      self.ended++;
    }
  };
  const inner = agent({
    name,
    process,
    stream: async function* (request, call) {
      yield await process(request, call);
    },
  });
  const self: Obedient = Object.assign(inner, { begun: 0, reasons: [], ended: 0 });
  return self;
}

/** Lets the pending promise jobs run. */
export async function jobs(count = 200): Promise<void> {
  for (let i = 0; i < count; i++) await null;
}

/** What a promise rejects with. */
export function rejection(work: Promise<unknown>): Promise<unknown> {
  return work.then(() => new Error("did not reject"), (error) => error);
}

/** How a promise stands now. */
export async function stateOf(work: Promise<unknown>): Promise<"pending" | "settled"> {
  const settled = work.then(() => "settled" as const, () => "settled" as const);
  await jobs();
  return await Promise.race([settled, Promise.resolve("pending" as const)]);
}
