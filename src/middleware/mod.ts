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
export { metrics } from "./metrics.ts";
export type { Metrics, MetricsOptions } from "./metrics.ts";
export type { LatencySummary, MetricsSnapshot } from "./metrics_snapshot.ts";
export { rateLimit } from "./rate_limit.ts";
export type { RateLimit, RateLimitMetrics, RateLimitOptions } from "./rate_limit_options.ts";
