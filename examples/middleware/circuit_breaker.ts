/**
 * Circuit breaker: opening, probing, closing, what counts as a failure, a share
 * of failures instead of a row, and a state that outlives the process.
 */
import {
  AgenkitError,
  agent,
  circuitBreaker,
  delay,
  fallback,
  message,
  retry,
  text,
  wrap,
} from "@agenkit/agenkit";

const question = message("user", "hello");

/** An agent whose health is a switch. */
function machine() {
  const state = { healthy: true, calls: 0 };
  const target = agent("machine", () => {
    state.calls++;
    if (!state.healthy) throw new AgenkitError("unavailable", "The machine is down");
    return "fine";
  });
  return { state, target };
}

/** Says what a call came to. */
async function outcome(call: Promise<unknown>): Promise<string> {
  return await call.then(() => "answered", (error) => `${error.name}: ${error.message}`);
}

console.log("1. It opens after three failures in a row, and the agent has its peace");
{
  const { state, target } = machine();
  const breaker = circuitBreaker({
    failureThreshold: 3,
    onStateChange: ({ from, to }) => console.log(`  [${from} -> ${to}]`),
  });
  const guarded = wrap(target, breaker);
  state.healthy = false;
  for (let i = 0; i < 3; i++) await guarded.process(question).catch(() => {});
  console.log(`  ${await outcome(guarded.process(question))}`);
  for (let i = 0; i < 100; i++) await guarded.process(question).catch(() => {});
  console.log(
    `  the agent was called ${state.calls} times, refused: ${breaker.metrics.rejectedRequests}`,
  );
}

console.log("\n2. After a while it lets one probe through at a time; two successes close it");
{
  const { state, target } = machine();
  const breaker = circuitBreaker({ failureThreshold: 1, recoveryTimeoutMs: 30 });
  const guarded = wrap(target, breaker);
  state.healthy = false;
  await guarded.process(question).catch(() => {});
  state.healthy = true;
  await delay(40);
  const rush = await Promise.allSettled(
    Array.from({ length: 10 }, () => guarded.process(question)),
  );
  const through = rush.filter(({ status }) => status === "fulfilled").length;
  console.log(`  of 10 calls at once ${through} went through; now ${breaker.state}`);
  await guarded.process(question);
  console.log(`  after one more success: ${breaker.state}`);
}

console.log("\n3. Not every error speaks against the agent, and a cancelled call says nothing");
{
  const breaker = circuitBreaker({ failureThreshold: 2 });
  const strict = wrap(
    agent("strict", async (_, call) => {
      await delay(5, { signal: call.signal! });
      throw new AgenkitError("invalid_argument", "I do not answer to hello");
    }),
    breaker,
  );
  for (let i = 0; i < 5; i++) await strict.process(question).catch(() => {});
  const leaving = AbortSignal.abort();
  for (let i = 0; i < 5; i++) await strict.process(question, { signal: leaving }).catch(() => {});
  const { failedRequests, cancelledRequests, failureCount } = breaker.metrics;
  console.log(`  failed ${failedRequests}, cancelled ${cancelledRequests}: ${breaker.state}`);
  console.log(`  failures that count: ${failureCount}`);
}

console.log("\n4. A share of failures, for an agent that is never down but often wrong");
{
  const breaker = circuitBreaker({
    failureRate: { threshold: 0.5, minimumCalls: 10, windowSize: 20 },
  });
  let calls = 0;
  const moody = wrap(
    agent("moody", () => {
      if (++calls % 2 === 0) throw new Error("not now");
      return "fine";
    }),
    breaker,
  );
  while (breaker.state === "closed") await moody.process(question).catch(() => {});
  console.log(`  every other call fails: ${breaker.state} after ${calls} calls`);
}

console.log("\n5. Inside a retry, and beside a fallback: an open circuit is not hammered");
{
  const { state, target } = machine();
  state.healthy = false;
  const breaker = circuitBreaker({ failureThreshold: 2 });
  const careful = wrap(target, retry({ maxAttempts: 5, initialBackoffMs: 1 }), breaker);
  const plan = fallback([careful, agent("memory", () => "what I knew yesterday")]);
  console.log(`  ${text(await plan.process(question))}`);
  console.log(`  attempts that reached the machine: ${state.calls} of 5`);
}

console.log("\n6. The state as JSON: another process goes on where this one was");
{
  const { state, target } = machine();
  state.healthy = false;
  const here = circuitBreaker({ failureThreshold: 1, recoveryTimeoutMs: 60_000 });
  await wrap(target, here).process(question).catch(() => {});
  const saved = JSON.stringify(here);
  const there = circuitBreaker({ initialState: JSON.parse(saved) });
  const minutes = Math.ceil(there.retryAfterMs! / 60_000);
  console.log(`  there it is ${there.state}, for about ${minutes} minute`);
  there.reset();
  console.log(`  and after a reset by hand: ${there.state}`);
}
