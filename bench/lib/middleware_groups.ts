import Bottleneck from "bottleneck";
import {
  bulkhead as cockatielBulkhead,
  circuitBreaker as cockatielBreaker,
  ConsecutiveBreaker,
  ExponentialBackoff,
  handleAll,
  retry as cockatielRetry,
  timeout as cockatielTimeout,
  TimeoutStrategy,
  wrap as cockatielWrap,
} from "cockatiel";
import { RateLimiter } from "limiter";
import { LRUCache } from "lru-cache";
import OpossumBreaker from "opossum";
import pLimit from "p-limit";
import pRetry from "p-retry";
import pTimeout from "p-timeout";
import type { Agent, Middleware } from "../../mod.ts";
import {
  batch,
  bulkhead,
  cache,
  circuitBreaker,
  hedge,
  type Message,
  message,
  metrics,
  rateLimit,
  retry,
  timeout,
  wrap,
} from "../../mod.ts";
import { type Group, repeat } from "./suite.ts";

const CALLS = 1000;
const question = message("user", "What is a deadline?");
const answer = message("agent", "The time by which a call has to be over.");

/** The function that every library wraps, and the agent that this package wraps. */
// deno-lint-ignore require-await -- an await in it would be measured as well
const work = async (_: Message): Promise<Message> => answer;
const target: Agent = { name: "target", process: work };

/**
 * Calls an agent with these layers. Without any it is the bare call, made in the
 * same way: called on its own, V8 would inline it into the loop.
 */
function calls(...layers: Middleware[]): () => Promise<unknown> {
  const wrapped = wrap(target, ...layers);
  return repeat(CALLS, () => wrapped.process(question));
}

function group(name: string, rows: Group["rows"]): Group {
  return { name: `middleware/${name}`, calls: CALLS, rows: { "bare call": calls(), ...rows } };
}

const plenty = { rate: 1e9, burst: 1_000_000 };

const cockatielPolicies = () => ({
  retry: cockatielRetry(handleAll, { maxAttempts: 2, backoff: new ExponentialBackoff() }),
  breaker: cockatielBreaker(handleAll, {
    halfOpenAfter: 60_000,
    breaker: new ConsecutiveBreaker(5),
  }),
  timeout: cockatielTimeout(30_000, TimeoutStrategy.Aggressive),
});

function retryGroup(): Group {
  const policy = cockatielPolicies().retry;
  return group("retry", {
    agenkit: calls(retry()),
    cockatiel: repeat(CALLS, () => policy.execute(() => work(question))),
    "p-retry": repeat(CALLS, () => pRetry(() => work(question), { retries: 2 })),
  });
}

function timeoutGroup(): Group {
  const policy = cockatielPolicies().timeout;
  return group("timeout", {
    agenkit: calls(timeout()),
    cockatiel: repeat(CALLS, () => policy.execute(() => work(question))),
    "p-timeout": repeat(CALLS, () => pTimeout(work(question), { milliseconds: 30_000 })),
  });
}

function breakerGroup(): Group {
  const policy = cockatielPolicies().breaker;
  const opossum = new OpossumBreaker(work, { timeout: false });
  return group("circuitBreaker", {
    agenkit: calls(circuitBreaker()),
    cockatiel: repeat(CALLS, () => policy.execute(() => work(question))),
    opossum: repeat(CALLS, () => opossum.fire(question)),
  });
}

function rateLimitGroup(): Group {
  const limiter = new RateLimiter({ tokensPerInterval: 1e9, interval: "second" });
  return group("rateLimit", {
    agenkit: calls(rateLimit(plenty)),
    limiter: repeat(CALLS, async () => {
      await limiter.removeTokens(1);
      return await work(question);
    }),
  });
}

/** Apart, and with few calls: bottleneck sets a timer for each, which takes milliseconds. */
function bottleneckGroup(): Group {
  const few = 5;
  const bottleneck = new Bottleneck();
  const limited = wrap(target, rateLimit(plenty));
  return {
    name: "middleware/rateLimit, few calls",
    calls: few,
    rows: {
      "bare call": repeat(few, () => work(question)),
      agenkit: repeat(few, () => limited.process(question)),
      bottleneck: repeat(few, () => bottleneck.schedule(() => work(question))),
    },
  };
}

function bulkheadGroup(): Group {
  const policy = cockatielBulkhead(10, 100);
  const limit = pLimit(10);
  return group("bulkhead", {
    agenkit: calls(bulkhead()),
    cockatiel: repeat(CALLS, () => policy.execute(() => work(question))),
    "p-limit": repeat(CALLS, () => limit(() => work(question))),
  });
}

function cacheGroup(): Group {
  const options = { max: 1000, ttl: 300_000, fetchMethod: () => work(question) };
  const lru = new LRUCache<string, Message>(options);
  // By default it sets a timer every millisecond, between which it does not look at the clock.
  const exact = new LRUCache<string, Message>({ ...options, ttlResolution: 0 });
  const key = ({ role, content, metadata }: Message) => JSON.stringify([role, content, metadata]);
  return group("cache hit", {
    agenkit: calls(cache()),
    "lru-cache fetch": repeat(CALLS, () => lru.fetch(key(question))),
    "lru-cache fetch, exact": repeat(CALLS, () => exact.fetch(key(question))),
  });
}

function stackGroup(): Group {
  const { retry: outer, timeout: middle, breaker: inner } = cockatielPolicies();
  const three = cockatielWrap(outer, middle, inner);
  return group("five layers", {
    agenkit: calls(metrics(), retry(), timeout(), circuitBreaker(), rateLimit(plenty)),
    "cockatiel, three layers": repeat(CALLS, () => three.execute(() => work(question))),
  });
}

function depthGroup(): Group {
  const depth = (layers: number) => calls(...Array.from({ length: layers }, () => retry()));
  return group("depth", {
    "1 layer": depth(1),
    "2 layers": depth(2),
    "4 layers": depth(4),
    "8 layers": depth(8),
  });
}

/** Ten thousand calls that all wait before the first is answered. */
function waitingGroup(): Group {
  const waiting = 10_000;
  const all = (start: (gate: Promise<Message>) => Promise<unknown>) => async () => {
    const gate = Promise.withResolvers<Message>();
    const started = Array.from({ length: waiting }, () => start(gate.promise));
    gate.resolve(answer);
    await Promise.all(started);
  };
  let current: Promise<Message> = Promise.resolve(answer);
  const limited = wrap({ name: "waiting", process: () => current }, timeout());
  return {
    name: "middleware/10,000 waiting in timeout",
    calls: waiting,
    rows: {
      "bare call": all((gate) => gate.then()),
      agenkit: all((gate) => {
        current = gate;
        return limited.process(question);
      }),
      "p-timeout": all((gate) => pTimeout(gate, { milliseconds: 30_000 })),
    },
  };
}

/** A batch of 10: what batching costs a call when each batch is full at once. */
function batchGroup(): Group {
  const batched = wrap(target, batch({ maxBatchSize: 10 }));
  const tens = (call: () => Promise<unknown>) => async () => {
    for (let i = 0; i < CALLS; i += 10) await Promise.all(Array.from({ length: 10 }, call));
  };
  return {
    name: "middleware/batch of 10",
    calls: CALLS,
    rows: {
      "bare call": tens(() => work(question)),
      agenkit: tens(() => batched.process(question)),
    },
  };
}

/** What `deno task bench` measures of the middleware, each against the libraries for the same. */
export const GROUPS: readonly Group[] = [
  retryGroup(),
  timeoutGroup(),
  breakerGroup(),
  rateLimitGroup(),
  bottleneckGroup(),
  bulkheadGroup(),
  cacheGroup(),
  group("metrics", { agenkit: calls(metrics()) }),
  group("hedge", { agenkit: calls(hedge({ delayMs: 1000 })) }),
  batchGroup(),
  stackGroup(),
  depthGroup(),
  waitingGroup(),
];
