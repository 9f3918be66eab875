/**
 * The first that works: the next agent is asked only if the one before it
 * failed. For a better answer most of the time, and some answer all the time.
 */
import {
  AgenkitError,
  agent,
  AggregateAgentError,
  fallback,
  message,
  RateLimitError,
  text,
} from "@agenkit/agenkit";

const question = message("user", "What is a deadline?");
const overloaded = agent("best model", () => {
  throw new RateLimitError("Too many requests", { retryAfterMs: 2000 });
});
const small = agent("small model", () => "A time by which something has to be done.");
const canned = agent("canned answer", () => "Please ask again later.");

console.log("1. The best model is overloaded: a smaller one answers, and the answer says so");
{
  const answer = await fallback([overloaded, small, canned]).process(question);
  console.log(`  ${text(answer)}`);
  const { fallback_agent_used, fallback_attempt } = answer.metadata;
  console.log(`  by ${fallback_agent_used}, attempt ${fallback_attempt}`);
}

console.log("\n2. All fail: every cause is there, and when it is worth trying again");
{
  const down = agent("spare", () => {
    throw new AgenkitError("unavailable", "The disk is full", { retryable: false });
  });
  const error = await fallback([overloaded, down]).process(question).catch((error) => error);
  if (error instanceof AggregateAgentError) {
    for (const { agent, cause } of error.errors) console.log(`  ${agent}: ${cause}`);
    console.log(`  retryable: ${error.retryable}, after ${error.retryAfterMs} ms`);
  }
}

console.log("\n3. Not every error is made up for: a bad question stays one, whoever is asked");
{
  const strict = agent("strict", () => {
    throw new AgenkitError("invalid_argument", "The question has no end");
  });
  const agents = fallback([strict, small], {
    shouldFallback: (error) =>
      !(error instanceof AgenkitError && error.code === "invalid_argument"),
  });
  console.log(`  ${await agents.process(question).catch((error) => error)}`);
}

console.log("\n4. A stream falls over before its first chunk, but not after it");
{
  const connect = () => Promise.reject(new Error("no connection"));
  const early = agent("early", async function* () {
    yield await connect();
  });
  const late = agent("late", async function* () {
    yield "A time by ";
    throw new Error("connection lost");
  });
  const spare = agent("spare", async function* () {
    yield "A time ";
    yield "by which...";
  });
  for (const first of [early, late]) {
    let seen = "";
    try {
      for await (const chunk of fallback([first, spare]).stream(question)) seen += text(chunk);
      console.log(`  ${first.name}: the user reads ${JSON.stringify(seen)}`);
    } catch (error) {
      console.log(`  ${first.name}: the user reads ${JSON.stringify(seen)}, then: ${error}`);
    }
  }
}

console.log("\n5. The user has left: that is no failure, and no other model is paid for it");
{
  const controller = new AbortController();
  let paid = 0;
  const hangs = agent("hangs", () => new Promise<never>(() => {}));
  const costly = agent("costly", () => {
    paid++;
    return "";
  });
  const work = fallback([hangs, costly]).process(question, { signal: controller.signal });
  controller.abort(new Error("the user has left"));
  console.log(`  ${await work.catch((error) => error)}; costly was asked ${paid} times`);
}
