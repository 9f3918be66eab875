/**
 * Agents wrapped in what makes them survive production: retry, timeout,
 * circuit breaker, rate limit, cache, batch, metrics, bulkhead and hedge. Each
 * takes an agent and returns one of the same name that streams exactly when
 * the inner one does.
 *
 * @module
 */
export {
  type Backoff,
  type BackoffContext,
  constantBackoff,
  type ConstantBackoffOptions,
  decorrelatedBackoff,
  type DecorrelatedBackoffOptions,
  exponentialBackoff,
  type ExponentialBackoffOptions,
  type Jitter,
} from "./backoff.ts";
export { isRetryable, retry } from "./retry.ts";
export type { Retry, RetryEvent, RetryMetrics, RetryOptions } from "./retry_options.ts";
export { type Attempts, attemptsOf } from "./retry_attempts.ts";
export { type RetryBudget, retryBudget, type RetryBudgetOptions } from "./retry_budget.ts";
export type { RequestMetrics } from "./request_counts.ts";
export { timeout } from "./timeout.ts";
export type { Timeout, TimeoutMetrics, TimeoutOptions } from "./timeout_options.ts";
export { circuitBreaker, isAgentFailure } from "./circuit_breaker.ts";
export type {
  CircuitBreaker,
  CircuitBreakerMetrics,
  CircuitBreakerOptions,
  CircuitSnapshot,
  CircuitState,
  CircuitStateChange,
  FailureRateOptions,
} from "./circuit_breaker_options.ts";
export { bulkhead } from "./bulkhead.ts";
export { BulkheadFullError } from "./bulkhead_error.ts";
export type { Bulkhead, BulkheadMetrics, BulkheadOptions } from "./bulkhead_options.ts";
export {
  type AdaptiveLimit,
  type AdaptiveLimitOptions,
  aimdLimit,
  type AimdLimitOptions,
  gradientLimit,
  type GradientLimitOptions,
  type LimitSample,
} from "./adaptive_limit.ts";
export { hedge } from "./hedge.ts";
export type { Hedge, HedgeEvent, HedgeMetrics, HedgeOptions } from "./hedge_options.ts";
export { metrics } from "./metrics.ts";
export type { Metrics, MetricsOptions } from "./metrics.ts";
export type { LatencySummary, MetricsSnapshot } from "./metrics_snapshot.ts";
export { rateLimit } from "./rate_limit.ts";
export type { RateLimit, RateLimitMetrics, RateLimitOptions } from "./rate_limit_options.ts";
export { cache } from "./cache.ts";
export { MemoryCacheStore, type MemoryCacheStoreOptions } from "./cache_memory_store.ts";
export type { CacheMetrics, CacheOptions, CacheTarget, ResponseCache } from "./cache_options.ts";
export type { CacheEntry, CacheStore } from "./cache_store.ts";
export { batch } from "./batch.ts";
export type { Batch, BatchAgent, BatchMetrics, BatchOptions, BatchState } from "./batch_options.ts";
