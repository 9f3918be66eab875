/**
 * Timeout: answers on time, agents that ignore their signal, whose timeout it
 * was, deadlines, and the three limits of a stream.
 */
import {
  agent,
  collect,
  delay,
  message,
  text,
  timeout,
  TimeoutError,
  wrap,
} from "@agenkit/agenkit";

const question = message("user", "hello");

/** Says what a call came to. */
async function outcome(call: Promise<unknown>): Promise<string> {
  return await call.then(() => "answered", (error) => `${error.name}: ${error.message}`);
}

console.log("1. A slow agent is stopped: its signal aborts");
{
  const slow = agent("slow", async (_, call) => {
    call.signal!.addEventListener("abort", () => console.log("  [the agent stops working]"));
    await delay(60_000, { signal: call.signal! });
    return "too late";
  });
  console.log(`  ${await outcome(wrap(slow, timeout({ totalMs: 20 })).process(question))}`);
}

console.log("\n2. One that ignores its signal is left to itself; the caller gets away on time");
{
  const deaf = agent("deaf", async () => {
    await delay(80);
    console.log("  [the agent answers, and nobody listens]");
    return "too late";
  });
  const limit = timeout({ totalMs: 20 });
  console.log(`  ${await outcome(wrap(deaf, limit).process(question))}`);
  await delay(100);
  const { timedOutRequests, successfulRequests } = limit.metrics;
  console.log(`  timed out ${timedOutRequests}, succeeded ${successfulRequests}`);
}

console.log("\n3. Whose timeout it was: the agent's own is a failure and passes as it is");
{
  const limit = timeout({ totalMs: 1000 });
  const database = agent("database", () => {
    throw new TimeoutError("No row lock within 5 ms");
  });
  console.log(`  ${await outcome(wrap(database, limit).process(question))}`);
  const { failedRequests, timedOutRequests } = limit.metrics;
  console.log(`  counted as failed ${failedRequests}, timed out ${timedOutRequests}`);
}

console.log("\n4. The earlier of the limit and the call's deadline counts, and the agent knows it");
{
  const clerk = agent("clerk", (_, call) => {
    const left = call.deadline! - performance.now();
    return left > 1000 ? "I have more than a second" : "I have to hurry";
  });
  const limited = wrap(clerk, timeout({ totalMs: 10_000 }));
  console.log(`  without a deadline: ${text(await limited.process(question))}`);
  const deadline = performance.now() + 500;
  console.log(`  with one: ${text(await limited.process(question, { deadline }))}`);
}

console.log("\n5. Streams: how long to the first chunk, and between two");
{
  const silent = agent("silent", async function* (_, call) {
    await delay(60_000, { signal: call.signal! });
    yield "never";
  });
  const pausing = agent("pausing", async function* (_, call) {
    yield "one";
    await delay(60_000, { signal: call.signal! });
    yield "never";
  });
  const limits = { firstChunkMs: 30, idleMs: 20 };
  for (const target of [silent, pausing]) {
    const limited = wrap(target, timeout(limits));
    console.log(`  ${await outcome(collect(limited.stream(question)))}`);
  }
}

console.log("\n6. The consumer's own time does not count: it may think between chunks");
{
  const quick = agent("quick", async function* () {
    yield "one";
    yield "two";
  });
  const limited = wrap(quick, timeout({ totalMs: 50, idleMs: 30 }));
  const chunks: string[] = [];
  for await (const chunk of limited.stream(question)) {
    chunks.push(text(chunk));
    await delay(80);
  }
  console.log(`  ${chunks.join(", ")}: in time, although reading them took longer`);
}
