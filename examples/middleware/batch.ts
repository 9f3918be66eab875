/**
 * Batching: many calls in one, by size or by time, with partial failure,
 * callers that leave, a bounded queue, and an orderly end.
 */
import {
  agent,
  batch,
  type BatchAgent,
  delay,
  type Message,
  message,
  text,
  wrap,
} from "@agenkit/agenkit";

/** An agent whose work costs 20 ms, no matter how much there is of it. */
const embedder: BatchAgent = {
  name: "embedder",
  process: async (m) => {
    await delay(20);
    return embed(m);
  },
  processBatch: async (messages) => {
    await delay(20);
    console.log(`  [the agent gets ${messages.length}: ${messages.map(text).join(", ")}]`);
    return messages.map((m) => text(m) === "" ? new Error("Nothing to embed") : embed(m));
  },
};

function embed(m: Message): Message {
  return message("agent", [text(m).length]);
}

function ask(words: string): Message {
  return message("user", words);
}

console.log("1. Eight calls, three to a batch: two are full at once, the third after 10 ms");
{
  await using batched = batch({ maxBatchSize: 3, maxWaitMs: 10 });
  const target = wrap(embedder, batched);
  const words = ["a", "bb", "ccc", "dddd", "eeeee", "ffffff", "ggggggg", "hhhhhhhh"];
  const answers = await Promise.all(words.map((word) => target.process(ask(word))));
  console.log(`  answers: ${answers.map(text).join(" ")}`);
  const { totalBatches, avgBatchSize } = batched.metrics;
  console.log(`  ${totalBatches} batches of ${avgBatchSize!.toFixed(2)} on average`);
}

console.log("\n2. One call of a batch fails: the others do not");
{
  await using batched = batch({ maxBatchSize: 3 });
  const target = wrap(embedder, batched);
  const calls = ["one", "", "three"].map((word) => target.process(ask(word)));
  for (const call of await Promise.allSettled(calls)) {
    console.log(`  ${call.status === "fulfilled" ? text(call.value) : call.reason.message}`);
  }
  console.log(`  partial batches: ${batched.metrics.partialBatches}`);
}

console.log("\n3. A caller that leaves is not sent, and holds up nobody");
{
  await using batched = batch({ maxWaitMs: 10 });
  const target = wrap(embedder, batched);
  const leaving = new AbortController();
  const left = target.process(ask("left"), { signal: leaving.signal }).catch((error) => error);
  const stayed = target.process(ask("stayed"));
  leaving.abort(new Error("I have to go"));
  console.log(`  the first: ${(await left).message}; the second: ${text(await stayed)}`);
}

console.log("\n4. An agent without processBatch: the calls of a batch run at the same time");
{
  await using batched = batch({ maxBatchSize: 3 });
  const sleeper = agent("sleeper", async (m) => {
    await delay(Number(text(m)));
    return text(m);
  });
  const target = wrap(sleeper, batched);
  const order: string[] = [];
  await Promise.all(
    ["60", "5", "30"].map(async (ms) => order.push(text(await target.process(ask(ms))))),
  );
  console.log(`  done in this order: ${order.join(", ")}`);
}

console.log("\n5. The queue is bounded: one too many is refused at once");
{
  const batched = batch({ maxBatchSize: 1, maxQueueSize: 2, maxConcurrentBatches: 1 });
  const target = wrap(embedder, batched);
  const calls = ["runs", "waits", "waits too", "too many"].map((word) => target.process(ask(word)));
  const last = (await Promise.allSettled(calls)).at(-1)!;
  console.log(`  ${last.status === "rejected" && `${last.reason.code}: ${last.reason.message}`}`);
}

console.log("\n6. Closing: what waits is sent, new calls are refused, nobody is left hanging");
{
  const batched = batch({ maxWaitMs: 60_000 });
  const target = wrap(embedder, batched);
  const waiting = target.process(ask("just in time"));
  const closed = batched.close();
  console.log(`  while closing: ${batched.state}`);
  await target.process(ask("late")).catch((error) => console.log(`  ${error.message}`));
  await closed;
  console.log(`  ${text(await waiting)}; now ${batched.state}`);
}
