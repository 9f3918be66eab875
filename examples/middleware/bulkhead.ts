/**
 * Bulkhead: a bound on how many calls run at once, a bounded queue, waits that
 * end, places shared by agents, streams, and a limit that finds itself.
 */
import {
  agent,
  aimdLimit,
  bulkhead,
  type BulkheadFullError,
  delay,
  message,
  text,
  wrap,
} from "@agenkit/agenkit";

const question = message("user", "hello");

/** An agent that tells how many calls it had at once. */
function counted(ms = 10) {
  const state = { running: 0, most: 0 };
  const target = agent("worker", async () => {
    state.most = Math.max(state.most, ++state.running);
    await delay(ms);
    state.running--;
    return "done";
  });
  return { state, target };
}

console.log("1. Ten calls, three at a time; the rest wait in line");
{
  const { state, target } = counted();
  const limit = bulkhead({ maxConcurrent: 3 });
  const limited = wrap(target, limit);
  const calls = Array.from({ length: 10 }, () => limited.process(question));
  const { runningRequests, queuedRequests } = limit.metrics;
  console.log(`  running ${runningRequests}, waiting ${queuedRequests}`);
  await Promise.all(calls);
  console.log(`  at most ${state.most} ran at once`);
}

console.log("\n2. The queue is bounded: one too many is refused at once, not lost in memory");
{
  const limited = wrap(counted().target, bulkhead({ maxConcurrent: 1, maxQueue: 1 }));
  const calls = [1, 2, 3].map(() => limited.process(question));
  for (const call of await Promise.allSettled(calls)) {
    if (call.status === "fulfilled") console.log(`  ${text(call.value)}`);
    else {
      const error = call.reason as BulkheadFullError;
      console.log(`  ${error.name} (${error.code}): ${error.message}`);
    }
  }
}

console.log("\n3. Waiting ends by maxWaitMs, or when the caller leaves");
{
  const limit = bulkhead({ maxConcurrent: 1, maxWaitMs: 20 });
  const limited = wrap(counted(200).target, limit);
  const first = limited.process(question);
  const leaving = new AbortController();
  const calls = [
    limited.process(question),
    limited.process(question, { signal: leaving.signal }),
  ];
  leaving.abort(new Error("The caller has left"));
  for (const call of await Promise.allSettled(calls)) {
    console.log(`  ${call.status === "rejected" ? call.reason.message : "answered"}`);
  }
  await first;
  const { rejectedRequests, cancelledRequests } = limit.metrics;
  console.log(`  rejected ${rejectedRequests}, cancelled ${cancelledRequests}`);
}

console.log("\n4. A slow agent cannot take what a quick one needs: each has its own");
{
  const slow = wrap(counted(100).target, bulkhead({ maxConcurrent: 2, maxQueue: 0 }));
  const quick = wrap(counted(1).target, bulkhead({ maxConcurrent: 2, maxQueue: 0 }));
  const flood = Promise.allSettled(Array.from({ length: 20 }, () => slow.process(question)));
  console.log(`  the quick one: ${text(await quick.process(question))}`);
  const refused = (await flood).filter(({ status }) => status === "rejected").length;
  console.log(`  the slow one refused ${refused} of 20`);
}

console.log("\n5. A stream holds its place to its end; leaving it gives the place back");
{
  const limit = bulkhead({ maxConcurrent: 1 });
  const story = wrap(
    agent("story", async function* () {
      for (;;) yield "and then";
    }),
    limit,
  );
  for await (const _ of story.stream(question)) {
    console.log(`  while it is read: running ${limit.metrics.runningRequests}`);
    break;
  }
  console.log(`  after the break: running ${limit.metrics.runningRequests}`);
}

console.log(
  "\n6. A limit that finds itself: more while all goes well, less when calls are dropped",
);
{
  const limit = bulkhead({ adaptive: aimdLimit({ initial: 4, max: 50 }), maxQueue: 1000 });
  let capacity = 50;
  let running = 0;
  const server = wrap(
    agent("server", async () => {
      if (++running > capacity) {
        running--;
        throw Object.assign(new Error("overloaded"), { name: "TimeoutError" });
      }
      await delay(1);
      running--;
      return "ok";
    }),
    limit,
  );
  const load = () =>
    Promise.allSettled(Array.from({ length: 200 }, () => server.process(question)));
  await load();
  const grown = limit.metrics.currentLimit;
  console.log(`  the server has room: the limit grew from 4 to ${grown > 40 ? "over 40" : grown}`);
  capacity = 10;
  await load();
  const left = limit.metrics.currentLimit;
  console.log(`  it has room for 10: the limit fell to ${left < 25 ? "less than 25" : left}`);
}
