/**
 * One use of an agent: within a time, with retries, cancelled when it goes out
 * of scope. For work that belongs to a block of code and must not outlive it.
 */
import { AgenkitError, agent, delay, message, task, text, TimeoutError } from "@agenkit/agenkit";

const question = message("user", "go");

console.log("1. A failure that may pass is tried again");
{
  let calls = 0;
  const flaky = agent("flaky", () => {
    if (++calls < 2) throw new Error("connection reset");
    return "done";
  });
  await using once = task(flaky, { retries: 2 });
  console.log(`  ${text(await once.execute(question))} after ${calls} calls: ${once.state.status}`);
}

console.log("\n2. One that cannot pass is not");
{
  let calls = 0;
  const strict = agent("strict", () => {
    calls++;
    throw new AgenkitError("invalid_argument", "not like that");
  });
  await using once = task(strict, { retries: 5 });
  console.log(`  ${await once.execute(question).catch((error) => error)} after ${calls} call`);
}

console.log("\n3. The time is for all of it, pauses and retries included");
{
  const slow = agent("slow", async (_, call) => {
    await delay(10_000, { signal: call.signal! });
    return "";
  });
  await using once = task(slow, { timeoutMs: 20, retries: 5 });
  const error = await once.execute(question).catch((error) => error);
  console.log(`  ${error instanceof TimeoutError}: ${error.message}`);
}

console.log("\n4. It is for one use, so that nobody gets an answer to another question");
{
  const echo = agent("echo", (m) => text(m));
  await using once = task(echo);
  const [first, second] = await Promise.allSettled([
    once.execute(question),
    once.execute(message("user", "again")),
  ]);
  console.log(`  first: ${first.status}, second: ${second.status}`);
}

console.log("\n5. Leaving the block, in whatever way, ends the work");
{
  const endless = agent("endless", async (_, call) => {
    await delay(10_000, { signal: call.signal! });
    return "";
  });
  let work: Promise<unknown>;
  {
    await using once = task(endless);
    work = once.execute(question).catch((error) => error.message);
  }
  console.log(`  ${await work}`);
}
