import type { Agent, Middleware } from "../../../src/core/agent.ts";
import type { TestClock } from "../../../src/testing/mod.ts";
import { batch } from "../../../src/middleware/batch.ts";
import { bulkhead } from "../../../src/middleware/bulkhead.ts";
import { cache } from "../../../src/middleware/cache.ts";
import { circuitBreaker } from "../../../src/middleware/circuit_breaker.ts";
import { hedge } from "../../../src/middleware/hedge.ts";
import { metrics } from "../../../src/middleware/metrics.ts";
import { rateLimit } from "../../../src/middleware/rate_limit.ts";
import { retry } from "../../../src/middleware/retry.ts";
import { timeout } from "../../../src/middleware/timeout.ts";
import { message } from "../../../src/core/message.ts";

/** What a middleware is made with in the contract test. */
export interface Tools {
  readonly clock: TestClock;
  readonly random: () => number;
}

/** The outcome counts of a middleware; whatever it does not count is left out. */
export interface Counts {
  readonly total: number;
  readonly ok: number;
  readonly failed?: number;
  readonly timedOut?: number;
  readonly rejected?: number;
  readonly cancelled?: number;
  readonly inFlight: number;
}

/** A middleware made for the contract test, and how to read what it has counted. */
export interface Made {
  readonly middleware: Middleware;
  /** Default: it counts nothing. */
  readonly counts?: () => Counts;
}

/** A middleware in a state in which the next call waits in the middleware itself. */
export interface Waiting extends Made {
  /** What the next call finally reaches. Default: an agent that answers at once. */
  readonly inner?: Agent;
  /** Brings the wrapped agent there, such as by using up what is limited. */
  readonly prepare?: (wrapped: Agent) => void;
  /** Ends what `prepare` has begun. */
  readonly release?: () => void;
}

/** One row of the contract table. Everything here is given a test clock and a fixed random. */
export interface Factory {
  readonly name: string;
  /** Configured so that it lets single calls and 1,000 at once pass, and stays out of the way. */
  make(tools: Tools): Made;
  /** Absent if it never makes a call wait. */
  waiting?(tools: Tools): Waiting;
  /** Whether an aborted call is left at once even if the agent ignores its signal. */
  readonly abandons?: boolean;
}

/** The counts of metrics that are named as those of `retry`. */
export function requestCounts(metrics: {
  readonly totalRequests: number;
  readonly successfulRequests: number;
  readonly failedRequests: number;
  readonly timedOutRequests?: number;
  readonly rejectedRequests?: number;
  readonly cancelledRequests: number;
  readonly inFlightRequests: number;
}): Counts {
  return {
    total: metrics.totalRequests,
    ok: metrics.successfulRequests,
    failed: metrics.failedRequests,
    timedOut: metrics.timedOutRequests ?? 0,
    rejected: metrics.rejectedRequests ?? 0,
    cancelled: metrics.cancelledRequests,
    inFlight: metrics.inFlightRequests,
  };
}

const failing: Agent = {
  name: "inner",
  process: () => Promise.reject(new Error("down")),
};

/** An agent that works until it is told to answer. */
function held(): { readonly inner: Agent; readonly release: () => void } {
  const open = Promise.withResolvers<void>();
  const process: Agent["process"] = async (request) => {
    await open.promise;
    return request;
  };
  return { inner: { name: "inner", process }, release: () => open.resolve() };
}

/** Every middleware of the package. */
export const FACTORIES: readonly Factory[] = [
  {
    name: "retry",
    make: ({ clock, random }) => {
      const middleware = retry({ clock, random, maxAttempts: 1 });
      return { middleware, counts: () => requestCounts(middleware.metrics) };
    },
    waiting: ({ clock, random }) => {
      const middleware = retry({ clock, random, jitter: "none", initialBackoffMs: 1000 });
      return { middleware, counts: () => requestCounts(middleware.metrics), inner: failing };
    },
  },
  {
    name: "timeout",
    make: ({ clock }) => {
      const middleware = timeout({ clock, totalMs: 60_000 });
      return { middleware, counts: () => requestCounts(middleware.metrics) };
    },
    abandons: true,
  },
  {
    name: "circuitBreaker",
    make: ({ clock }) => {
      const middleware = circuitBreaker({ clock });
      return { middleware, counts: () => requestCounts(middleware.metrics) };
    },
  },
  {
    name: "bulkhead",
    make: ({ clock }) => {
      const middleware = bulkhead({ clock, maxConcurrent: 10, maxQueue: 1000 });
      return { middleware, counts: () => requestCounts(middleware.metrics) };
    },
    waiting: ({ clock }) => {
      const middleware = bulkhead({ clock, maxConcurrent: 1, maxWaitMs: 5000 });
      return {
        middleware,
        counts: () => requestCounts(middleware.metrics),
        ...held(),
        prepare: (wrapped) => void wrapped.process(message("user", "first")),
      };
    },
  },
  {
    name: "hedge",
    make: ({ clock }) => {
      const middleware = hedge({ clock, delayMs: 60_000 });
      return { middleware, counts: () => requestCounts(middleware.metrics) };
    },
    abandons: true,
  },
  {
    name: "metrics",
    make: ({ clock }) => {
      const middleware = metrics({ clock });
      return {
        middleware,
        counts: () => {
          const { successRequests, ...counted } = middleware.snapshot();
          return requestCounts({ ...counted, successfulRequests: successRequests });
        },
      };
    },
  },
  {
    // It counts who was let through, not how calls end.
    name: "rateLimit",
    make: ({ clock }) => ({ middleware: rateLimit({ clock, burst: 10_000 }) }),
    waiting: ({ clock }) => ({
      middleware: rateLimit({ clock, rate: 0.1, burst: 1 }),
      prepare: (wrapped) => void wrapped.process(message("user", "first")),
    }),
  },
  {
    // It counts hits and misses, not how calls end.
    name: "cache",
    make: ({ clock }) => ({ middleware: cache({ clock }) }),
    waiting: ({ clock }) => ({
      middleware: cache({ clock, key: () => "the same" }),
      ...held(),
      prepare: (wrapped) => void wrapped.process(message("user", "first")),
    }),
    abandons: true,
  },
  {
    // It counts no streams, which pass through.
    name: "batch",
    make: ({ clock }) => ({
      middleware: batch({ clock, maxBatchSize: 1, maxConcurrentBatches: 1000 }),
    }),
    waiting: ({ clock }) => ({ middleware: batch({ clock, maxBatchSize: 2 }) }),
    abandons: true,
  },
];
