import type { Middleware } from "../core/agent.ts";
import type { Code } from "../core/code.ts";
import { CircuitOpenError, codeOf, RateLimitError } from "../core/errors.ts";
import { layered } from "../core/wrap.ts";
import { BulkheadFullError } from "./bulkhead_error.ts";
import { Circuit } from "./circuit_breaker_circuit.ts";
import {
  breakerPolicy,
  type CircuitBreaker,
  type CircuitBreakerOptions,
} from "./circuit_breaker_options.ts";
import { middlewareValue } from "./middleware_value.ts";
import { passStream } from "./pass_stream.ts";

/**
 * Stops calling an agent that keeps failing, and lets it recover. The circuit
 * opens after some failures in a row, or at a share of failures; calls are then
 * refused with a {@linkcode CircuitOpenError} that says when to try again.
 * After `recoveryTimeoutMs` it lets a few calls through as probes: enough
 * successes close it, one failure opens it again.
 *
 * A cancelled call counts neither way. A call that a `timeout` ended counts as
 * a failure, whether that is inside or outside of the breaker, and at once,
 * even if the agent ignores its signal. The breaker has no time limit of its
 * own. What becomes of calls from before the last change of state is ignored.
 * A stream counts when it ends; one that its consumer leaves counts neither way.
 *
 * The cooldown is computed from times: no timer runs while a circuit is open.
 * The pattern is Michael Nygard's, in "Release It!".
 *
 * @example
 * ```ts
 * import { agent, circuitBreaker, CircuitOpenError, message, wrap } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const breaker = circuitBreaker({ failureThreshold: 2 });
 * const broken = wrap(
 *   agent("broken", () => {
 *     throw new Error("down");
 *   }),
 *   breaker,
 * );
 * await assert.rejects(broken.process(message("user", "1")), /down/);
 * await assert.rejects(broken.process(message("user", "2")), /down/);
 * assert.equal(breaker.state, "open");
 * await assert.rejects(broken.process(message("user", "3")), CircuitOpenError);
 * ```
 *
 * @throws {TypeError} If an option is of a wrong type.
 * @throws {RangeError} If an option is out of bounds.
 */
export function circuitBreaker(options: CircuitBreakerOptions = {}): CircuitBreaker {
  const circuit = new Circuit(breakerPolicy(options, isAgentFailure));
  const apply: Middleware = (next) =>
    layered(next, "circuitBreaker", {
      process: async (message, call) => {
        const admission = circuit.admit(next, call);
        try {
          const answer = await next.process(message, call);
          admission.succeeded();
          return answer;
        } catch (error) {
          admission.failed(error);
          throw error;
        }
      },
      stream: (message, call) => passStream(next, message, call, () => circuit.admit(next, call)),
    });
  return middlewareValue(apply, {
    get state() {
      return circuit.state;
    },
    get metrics() {
      return circuit.metrics;
    },
    get retryAfterMs() {
      return circuit.retryAfterMs;
    },
    forceOpen: () => circuit.forceOpen(),
    reset: () => circuit.reset(),
    toJSON: () => circuit.toJSON(),
  });
}

/** What the caller has done wrong, and what says that the agent works. */
const CALLERS_FAULT: ReadonlySet<Code> = new Set<Code>([
  "cancelled",
  "invalid_argument",
  "not_found",
  "already_exists",
  "permission_denied",
  "failed_precondition",
  "out_of_range",
  "unimplemented",
  "unauthenticated",
]);

/**
 * Whether an error speaks against the agent: anything but the caller's own
 * mistakes (bad arguments, missing rights, ...) and calls that a breaker, rate
 * limit or bulkhead on this side did not let through.
 *
 * @example
 * ```ts
 * import { AgenkitError, isAgentFailure } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * assert.equal(isAgentFailure(new Error("connection reset")), true);
 * assert.equal(isAgentFailure(new AgenkitError("invalid_argument", "no text")), false);
 * ```
 */
export function isAgentFailure(error: unknown): boolean {
  if (
    error instanceof CircuitOpenError || error instanceof RateLimitError ||
    error instanceof BulkheadFullError
  ) return false;
  const code = codeOf(error);
  return code === undefined || !CALLERS_FAULT.has(code);
}
