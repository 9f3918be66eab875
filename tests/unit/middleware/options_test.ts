import assert from "node:assert/strict";
import { test } from "node:test";
import {
  aimdLimit,
  type AimdLimitOptions,
  batch,
  type BatchOptions,
  bulkhead,
  type BulkheadOptions,
  cache,
  type CacheOptions,
  circuitBreaker,
  type CircuitBreakerOptions,
  type CircuitSnapshot,
  constantBackoff,
  type ConstantBackoffOptions,
  decorrelatedBackoff,
  type DecorrelatedBackoffOptions,
  exponentialBackoff,
  type ExponentialBackoffOptions,
  type FailureRateOptions,
  gradientLimit,
  type GradientLimitOptions,
  hedge,
  type HedgeOptions,
  MemoryCacheStore,
  type MemoryCacheStoreOptions,
  metrics,
  type MetricsOptions,
  rateLimit,
  type RateLimitOptions,
  retry,
  retryBudget,
  type RetryBudgetOptions,
  type RetryOptions,
  timeout,
  type TimeoutOptions,
} from "../../../src/middleware/mod.ts";

/** What an option refuses. */
interface Refused {
  /** Values of the right type, out of bounds: a RangeError. */
  readonly range?: readonly unknown[];
  /** Values of a wrong type: a TypeError. */
  readonly type: readonly unknown[];
}

function numbers(...range: readonly number[]): Refused {
  return { range: [NaN, Infinity, -Infinity, -1, ...range], type: ["5", null, {}, 5n, [5]] };
}

/** Numbers of things, of which there has to be one. */
const COUNT = numbers(0, 1.5);
/** Numbers of things, of which there may be none. */
const COUNT_OR_NONE = numbers(1.5);
/** Times in which something has to happen. */
const DURATION = numbers(0);
/** Times to wait, or not to. */
const DURATION_OR_NONE = numbers();
const FUNCTION: Refused = { type: ["x", 1, null, {}] };
const OBJECT: Refused = { type: ["x", 1, null, {}, []] };
const WORD: Refused = { range: ["some", ""], type: [1, null, {}] };

/** The same, without a value that has a meaning here. */
function except({ range = [], type }: Refused, meaningful: unknown): Refused {
  const rest = (values: readonly unknown[]) => values.filter((value) => value !== meaningful);
  return { range: rest(range), type: rest(type) };
}

/** Every option of a factory: one that is forgotten here does not compile. */
function rows<T extends object>(
  name: string,
  make: (options: T) => unknown,
  refused: Record<keyof T, Refused>,
): { name: string; make: (options: never) => unknown; refused: Record<string, Refused> } {
  return { name, make, refused };
}

const FACTORIES = [
  rows<RetryOptions>("retry", retry, {
    maxAttempts: COUNT,
    initialBackoffMs: DURATION,
    // The second is less than the default of initialBackoffMs.
    maxBackoffMs: numbers(0, 999),
    backoffMultiplier: numbers(0, 1),
    jitter: WORD,
    backoff: FUNCTION,
    totalMs: DURATION,
    maxRetryAfterMs: DURATION_OR_NONE,
    retryIf: FUNCTION,
    onRetry: FUNCTION,
    budget: OBJECT,
    clock: OBJECT,
    random: FUNCTION,
  }),
  rows<ExponentialBackoffOptions>("exponentialBackoff", exponentialBackoff, {
    initialMs: DURATION,
    maxMs: numbers(0, 999),
    multiplier: numbers(0, 1),
    jitter: WORD,
  }),
  rows<ConstantBackoffOptions>("constantBackoff", (options) => constantBackoff(1, options), {
    jitter: WORD,
  }),
  rows<{ ms: number }>("constantBackoff", ({ ms }) => constantBackoff(ms), {
    ms: DURATION_OR_NONE,
  }),
  rows<DecorrelatedBackoffOptions>("decorrelatedBackoff", decorrelatedBackoff, {
    initialMs: DURATION,
    maxMs: numbers(0, 999),
  }),
  rows<RetryBudgetOptions>("retryBudget", retryBudget, {
    ratio: numbers(1.1),
    burst: COUNT_OR_NONE,
  }),
  rows<TimeoutOptions>("timeout", timeout, {
    totalMs: DURATION,
    firstChunkMs: DURATION,
    idleMs: DURATION,
    clock: OBJECT,
  }),
  rows<CircuitBreakerOptions>("circuitBreaker", circuitBreaker, {
    failureThreshold: COUNT,
    failureRate: { type: ["x", 0.5, null] },
    recoveryTimeoutMs: DURATION,
    successThreshold: COUNT,
    halfOpenMaxCalls: COUNT,
    isFailure: FUNCTION,
    onStateChange: FUNCTION,
    initialState: { type: [...OBJECT.type, { state: "ajar" }] },
    clock: OBJECT,
  }),
  rows<FailureRateOptions>("circuitBreaker", (failureRate) => circuitBreaker({ failureRate }), {
    threshold: numbers(0, 1.1),
    minimumCalls: COUNT,
    // The second is less than the default of minimumCalls.
    windowSize: numbers(0, 1.5, 9),
    windowMs: DURATION,
  }),
  rows<Omit<CircuitSnapshot, "state">>("circuitBreaker", (part) => {
    const saved: CircuitSnapshot = { state: "open", failures: 5, retryAfterMs: 1, savedAt: 0 };
    circuitBreaker({ initialState: { ...saved, ...part } });
  }, {
    failures: COUNT_OR_NONE,
    // `null` stands for an end that is not known.
    retryAfterMs: except(DURATION_OR_NONE, null),
    savedAt: DURATION_OR_NONE,
  }),
  rows<BulkheadOptions>("bulkhead", bulkhead, {
    maxConcurrent: COUNT,
    maxQueue: COUNT_OR_NONE,
    maxWaitMs: DURATION,
    adaptive: { type: [...OBJECT.type, { limit: 5 }] },
    clock: OBJECT,
  }),
  rows<AimdLimitOptions>("aimdLimit", aimdLimit, {
    initial: numbers(0, 1.5, 201),
    min: COUNT,
    max: COUNT,
    backoffRatio: numbers(0.4, 1),
    latencyMs: DURATION,
  }),
  rows<GradientLimitOptions>("gradientLimit", gradientLimit, {
    initial: numbers(0, 1.5, 201),
    min: COUNT,
    max: COUNT,
    tolerance: numbers(0.9),
    smoothing: numbers(0, 1.1),
    queueSize: COUNT_OR_NONE,
  }),
  rows<HedgeOptions>("hedge", hedge, {
    delayMs: DURATION_OR_NONE,
    percentile: numbers(0, 1),
    initialDelayMs: DURATION_OR_NONE,
    maxAttempts: numbers(0, 1.5, 1),
    budget: OBJECT,
    onHedge: FUNCTION,
    clock: OBJECT,
  }),
  rows<MetricsOptions>("metrics", metrics, { clock: OBJECT }),
  rows<RateLimitOptions>("rateLimit", rateLimit, {
    rate: DURATION,
    burst: COUNT,
    // The second is more than the default of burst.
    tokensPerCall: numbers(0, 1.5, 11),
    key: FUNCTION,
    maxKeys: COUNT,
    mode: WORD,
    // Without an end it is Infinity.
    maxWaitMs: except(DURATION_OR_NONE, Infinity),
    maxQueue: COUNT_OR_NONE,
    clock: OBJECT,
  }),
  rows<CacheOptions>("cache", cache, {
    maxEntries: COUNT,
    maxBytes: COUNT,
    ttlMs: DURATION,
    staleWhileRevalidateMs: DURATION_OR_NONE,
    staleIfErrorMs: DURATION_OR_NONE,
    key: FUNCTION,
    tenant: FUNCTION,
    shouldCache: FUNCTION,
    store: OBJECT,
    clock: OBJECT,
  }),
  rows<MemoryCacheStoreOptions>("MemoryCacheStore", (options) => new MemoryCacheStore(options), {
    maxEntries: COUNT,
    maxBytes: COUNT,
  }),
  rows<BatchOptions>("batch", batch, {
    maxBatchSize: COUNT,
    maxWaitMs: DURATION_OR_NONE,
    // The second is less than the default of maxBatchSize.
    maxQueueSize: numbers(0, 1.5, 9),
    maxConcurrentBatches: COUNT,
    clock: OBJECT,
  }),
];

for (const { name, make, refused } of FACTORIES) {
  const options = Object.keys(refused).join(", ");
  test(`${name}() refuses bad options by name: ${options} (defect 18)`, () => {
    for (const [option, { range = [], type }] of Object.entries(refused)) {
      const says = new RegExp(`^Cannot .* '([a-zA-Z]+\\.)?${option}' must .*: current value is `);
      for (const value of [...range, ...type]) {
        const expected = type.includes(value) ? TypeError : RangeError;
        assert.throws(
          () => make({ [option]: value } as never),
          (error) => error instanceof expected && says.test(error.message),
          `${option}: ${String(value)}`,
        );
      }
    }
  });
}

test("every middleware refuses options that are no object (defect 18)", () => {
  const all = [retry, timeout, circuitBreaker, bulkhead, hedge, metrics, rateLimit, cache, batch];
  for (const middleware of all) {
    for (const value of [5000, "5", null, true] as unknown[]) {
      assert.throws(
        () => middleware(value as object),
        (error) =>
          error instanceof TypeError && /expected an object of options/.test(error.message),
        `${middleware.name}(${value})`,
      );
    }
  }
});

test("options that replace each other are not taken together", () => {
  const pairs: readonly (readonly [() => unknown, RegExp])[] = [
    [() => retry({ backoff: constantBackoff(1), jitter: "none" }), /'jitter' must not be given/],
    [() => circuitBreaker({ failureThreshold: 5, failureRate: {} }), /'failureThreshold' must not/],
    [() => bulkhead({ adaptive: aimdLimit(), maxConcurrent: 1 }), /'maxConcurrent' must not/],
    [() => hedge({ delayMs: 1, percentile: 0.9 }), /'percentile' must not be given/],
    [() => cache({ store: new MemoryCacheStore(), maxEntries: 5 }), /'maxEntries'/],
    [() => cache({ store: new MemoryCacheStore(), maxBytes: 5 }), /'maxBytes'/],
  ];
  for (const [make, says] of pairs) {
    assert.throws(make, (error) => error instanceof TypeError && says.test(error.message));
  }
});
