/**
 * Caching: hits, one call for all who ask at once, stale answers while they are
 * renewed or the agent is down, tenants, streams, and forgetting.
 */
import {
  agent,
  cache,
  collect,
  createContextKey,
  createContextValues,
  delay,
  message,
  text,
  wrap,
} from "@agenkit/agenkit";

let calls = 0;
let down = false;
const model = agent("model", async (m) => {
  calls++;
  if (down) throw new Error("The model is down");
  await delay(20);
  return `answer ${calls} to ${text(m)}`;
});
const question = message("user", "What is a deadline?");

async function timed(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

console.log("1. The second time, the answer is there at once");
{
  const answers = cache();
  const cached = wrap(model, answers);
  const first = await timed(() => cached.process(question));
  // Another message with another time and another trace, but the same question.
  const again = message("user", "What is a deadline?", { trace_context: crypto.randomUUID() });
  const second = await timed(() => cached.process(again));
  console.log(`  the model took ${first >= 15 ? "20 ms" : "no time"}`);
  console.log(`  the cache took ${second < 5 ? "less than 5 ms" : `${second} ms`}`);
  console.log(`  hit rate: ${answers.metrics.hitRate}`);
}

console.log("\n2. Fifty ask at the same time: the model is asked once");
{
  const answers = cache();
  const cached = wrap(model, answers);
  calls = 0;
  const impatient = new AbortController();
  const left = cached.process(question, { signal: impatient.signal }).catch(() => "left");
  const rest = Array.from({ length: 49 }, () => cached.process(question));
  // The first one leaves; the call goes on for the others.
  impatient.abort();
  const texts = new Set((await Promise.all(rest)).map(text));
  console.log(`  the first: ${await left}; the others all got: ${[...texts]}`);
  console.log(`  calls of the model: ${calls}, shared by ${answers.metrics.sharedRequests} more`);
}

console.log("\n3. Stale for a while: the old answer now, a new one in the background");
{
  const cached = wrap(model, cache({ ttlMs: 30, staleWhileRevalidateMs: 10_000 }));
  calls = 0;
  await cached.process(question);
  await delay(40);
  console.log(`  after 40 ms: ${text(await cached.process(question))}`);
  await delay(25);
  console.log(`  a bit later: ${text(await cached.process(question))}`);
}

console.log("\n4. The model is down: an old answer is better than none");
{
  const answers = cache({ ttlMs: 20, staleIfErrorMs: 10_000 });
  const cached = wrap(model, answers);
  calls = 0;
  await cached.process(question);
  await delay(30);
  down = true;
  console.log(`  while down: ${text(await cached.process(question))}`);
  console.log(`  stood in for errors: ${answers.metrics.staleOnError}`);
  down = false;
}

console.log("\n5. Tenants never see each other's answers");
{
  const user = createContextKey("nobody", "user");
  const answers = cache({ tenant: (_m, call) => call.values?.get(user) });
  const account = agent("account", (_m, call) => `the account of ${call.values?.get(user)}`);
  const cached = wrap(account, answers);
  const as = (name: string) => ({ values: createContextValues().with(user, name) });
  for (const name of ["ann", "bob", "ann"]) {
    console.log(`  ${name} sees ${text(await cached.process(question, as(name)))}`);
  }
  console.log(`  hits: ${answers.metrics.cacheHits}, misses: ${answers.metrics.cacheMisses}`);
}

console.log("\n6. Streams are recorded; forgetting works by question, by test, or for all");
{
  let streams = 0;
  const story = agent("story", async function* () {
    streams++;
    for (const word of ["once", "upon", "a", "time"]) yield word;
  });
  const answers = cache();
  const cached = wrap(story, answers);
  for await (const _ of cached.stream(question)) break;
  console.log(`  left after one chunk: ${answers.metrics.currentSize} recordings`);
  for (let i = 0; i < 3; i++) {
    const chunks = await collect(cached.stream(question));
    console.log(`  ${chunks.map(text).join(" ")} (streams of the agent: ${streams})`);
  }
  console.log(`  forgotten: ${await answers.invalidate((m) => text(m).includes("deadline"))}`);
}
