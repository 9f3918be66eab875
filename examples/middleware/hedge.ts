/**
 * Hedging: a second attempt when the first is slow, the loser cancelled, a delay
 * that is learnt, a budget, and streams.
 */
import { agent, collect, delay, hedge, message, retryBudget, text, wrap } from "@agenkit/agenkit";

const question = message("user", "hello");

/** An agent of which every few calls hang until they are cancelled. */
function uneven(every: number, ms = 1) {
  const state = { calls: 0, cancelled: 0 };
  const target = agent("uneven", async (_, call) => {
    const number = ++state.calls;
    call.signal!.addEventListener("abort", () => state.cancelled++);
    await delay(number % every === 1 ? 60_000 : ms, { signal: call.signal! });
    return `answered by call ${number}`;
  });
  return { state, target };
}

console.log("1. The first call hangs: after 20 ms a second one is made, and answers");
{
  const { state, target } = uneven(2);
  const even = wrap(
    target,
    hedge({
      delayMs: 20,
      onHedge: ({ attempt, delayMs }) => console.log(`  attempt ${attempt} after ${delayMs} ms`),
    }),
  );
  console.log(`  ${text(await even.process(question))}; cancelled: ${state.cancelled}`);
}

console.log("\n2. A quick answer costs no second call");
{
  let calls = 0;
  const quick = wrap(agent("quick", () => `call ${++calls}`), hedge({ delayMs: 20 }));
  for (let i = 0; i < 10; i++) await quick.process(question);
  await delay(30);
  console.log(`  10 calls, ${calls} attempts`);
}

console.log("\n3. It is no retry: a failure is handed on, unless another attempt still runs");
{
  let calls = 0;
  const failing = agent("failing", () => {
    calls++;
    throw new Error("It broke");
  });
  const error = await wrap(failing, hedge({ delayMs: 20 })).process(question).catch((e) => e);
  console.log(`  ${error.message}, after ${calls} attempt`);
}

console.log("\n4. The delay is learnt: what 95 of 100 calls do not exceed");
{
  const hedging = hedge();
  const target = wrap(agent("steady", () => delay(2).then(() => "ok")), hedging);
  const before = hedging.metrics.currentDelayMs;
  for (let i = 0; i < 40; i++) await target.process(question);
  const { currentDelayMs } = hedging.metrics;
  console.log(`  ${before} ms before, then ${currentDelayMs < 500 ? "much less" : "as much"}`);
}

console.log("\n5. Everything is slow: a budget keeps hedges from doubling the load");
{
  const hedging = hedge({ delayMs: 1, budget: retryBudget({ ratio: 0.1, burst: 2 }) });
  let calls = 0;
  const slow = agent("slow", async () => {
    calls++;
    await delay(30);
    return "at last";
  });
  const target = wrap(slow, hedging);
  await Promise.all(Array.from({ length: 50 }, () => target.process(question)));
  const { hedges, hedgesDenied } = hedging.metrics;
  console.log(`  50 calls, ${calls} attempts: ${hedges} hedges, ${hedgesDenied} denied`);
}

console.log("\n6. Of two streams the first to begin wins, and the other is ended");
{
  let streams = 0;
  const source = agent("source", async function* (_, call) {
    const number = ++streams;
    if (number === 1) await delay(60_000, { signal: call.signal! });
    yield `${number}a`;
    yield `${number}b`;
  });
  const chunks = await collect(wrap(source, hedge({ delayMs: 10 })).stream(question));
  console.log(`  ${chunks.map(text).join(", ")}, of ${streams} streams`);
}
