/**
 * Metrics: outcomes, latency percentiles, streams, calls in flight, and where
 * to put the layer.
 */
import {
  agent,
  collect,
  delay,
  message,
  metrics,
  rateLimit,
  text,
  TimeoutError,
  wrap,
} from "@agenkit/agenkit";

const question = message("user", "hello");

console.log("1. Every call has one outcome; being cancelled is not an error");
{
  const counted = metrics();
  const moody = wrap(
    agent("moody", async (m, call) => {
      if (text(m) === "fail") throw new Error("It broke");
      if (text(m) === "late") throw new TimeoutError("Timed out after 5 ms");
      await delay(text(m) === "slow" ? 1000 : 0, { signal: call.signal! });
      return "ok";
    }),
    counted,
  );
  const controller = new AbortController();
  const { signal } = controller;
  const calls = ["fine", "fail", "late", "slow"].map((word) =>
    moody.process(message("user", word), { signal })
  );
  const settled = Promise.allSettled(calls);
  console.log(`  in flight: ${counted.snapshot().inFlightRequests}`);
  await delay(5);
  controller.abort();
  await settled;
  const s = counted.snapshot();
  console.log(`  total ${s.totalRequests} = ok ${s.successRequests} + failed ${s.failedRequests}`);
  console.log(`    + timed out ${s.timedOutRequests} + rejected ${s.rejectedRequests}`);
  console.log(`    + cancelled ${s.cancelledRequests} + in flight ${s.inFlightRequests}`);
  console.log(`  by code: ${JSON.stringify(s.codes)}, error rate ${s.errorRate!.toFixed(2)}`);
}

console.log("\n2. Percentiles tell what an average hides");
{
  const counted = metrics();
  let call = 0;
  const target = wrap(
    agent("a", () => delay(++call % 20 === 0 ? 40 : 2).then(() => "ok")),
    counted,
  );
  await Promise.all(Array.from({ length: 100 }, () => target.process(question)));
  const { latencyMs, averageLatencyMs, maxLatencyMs } = counted.snapshot();
  const slow = (ms: number | undefined) => (ms! > 30 ? "slow" : "fast");
  console.log(`  median ${slow(latencyMs.p50)}, average ${slow(averageLatencyMs)}`);
  console.log(`  p99 ${slow(latencyMs.p99)}, maximum ${slow(maxLatencyMs)}`);
}

console.log("\n3. Of a stream: time to the first chunk, chunks, and only the agent's own time");
{
  const counted = metrics();
  const story = wrap(
    agent("story", async function* () {
      for (const word of ["once", "upon", "a", "time"]) {
        await delay(10);
        yield word;
      }
    }),
    counted,
  );
  for await (const _ of story.stream(question)) await delay(50);
  for await (const _ of story.stream(question)) break;
  const s = counted.snapshot();
  const about = (ms: number | undefined) => Math.round(ms! / 10) * 10;
  console.log(`  first chunk after about ${about(s.firstChunkMs.p50)} ms`);
  console.log(`  the whole took the agent ${s.latencyMs.p50! < 150 ? "less" : "more"} than 150 ms`);
  console.log(
    `  ${s.streamRequests} streams, ${s.streamChunks} chunks, ${s.cancelledRequests} left`,
  );
}

console.log("\n4. Nothing is known before the first call: undefined, not 0");
{
  const { minLatencyMs, errorRate, latencyMs } = metrics().snapshot();
  console.log(`  minimum ${minLatencyMs}, error rate ${errorRate}, p99 ${latencyMs.p99}`);
}

console.log("\n5. A reset keeps what is in flight");
{
  const counted = metrics();
  const target = wrap(agent("a", () => delay(10).then(() => "ok")), counted);
  await target.process(question);
  const running = target.process(question);
  counted.reset();
  const { totalRequests, inFlightRequests } = counted.snapshot();
  console.log(`  after the reset: total ${totalRequests}, in flight ${inFlightRequests}`);
  await running;
  console.log(`  at the end: succeeded ${counted.snapshot().successRequests}, in flight 0`);
}

console.log("\n6. Outside a limiter it counts what is refused, inside only what comes through");
{
  const [outside, inside] = [metrics(), metrics()];
  const limit = rateLimit({ rate: 1, burst: 2, mode: "reject" });
  const target = wrap(
    agent("a", async function* () {
      yield "ok";
    }),
    outside,
    limit,
    inside,
  );
  await Promise.allSettled(Array.from({ length: 5 }, () => collect(target.stream(question))));
  console.log(`  outside: ${outside.snapshot().rejectedRequests} rejected`);
  console.log(`  inside: ${inside.snapshot().totalRequests} calls`);
}
