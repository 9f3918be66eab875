/**
 * Retry: backoff and jitter, what is worth trying again, waits that a server
 * asks for, deadlines, a budget for all callers, and streams.
 */
import {
  AgenkitError,
  agent,
  attemptsOf,
  constantBackoff,
  decorrelatedBackoff,
  exponentialBackoff,
  message,
  RateLimitError,
  retry,
  retryBudget,
  text,
  wrap,
} from "@agenkit/agenkit";

const question = message("user", "hello");

/** An agent that fails a few times, then answers. */
function flaky(failures: number, error: () => Error = () => new Error("connection reset")) {
  let calls = 0;
  return agent("flaky", () => {
    if (++calls <= failures) throw error();
    return `answered at call ${calls}`;
  });
}

console.log("1. It fails twice and is called three times; the waits grow");
{
  const steady = wrap(
    flaky(2),
    retry({
      initialBackoffMs: 10,
      jitter: "none",
      onRetry: ({ attempt, delayMs, error }) => {
        console.log(`  attempt ${attempt}: ${(error as Error).message}; again in ${delayMs} ms`);
      },
    }),
  );
  console.log(`  ${text(await steady.process(question))}`);
}

console.log("\n2. How long to wait: one function for another, each spread by chance");
{
  const kinds = {
    "exponential, no jitter": exponentialBackoff({ initialMs: 100, jitter: "none" }),
    "exponential, equal jitter": exponentialBackoff({ initialMs: 100, jitter: "equal" }),
    "exponential, full jitter": exponentialBackoff({ initialMs: 100 }),
    "decorrelated": decorrelatedBackoff({ initialMs: 100 }),
    "constant": constantBackoff(100),
  };
  for (const [name, backoff] of Object.entries(kinds)) {
    let previousMs = 0;
    const waits = [1, 2, 3, 4].map((attempt) => {
      previousMs = backoff({ attempt, previousMs, random: () => 0.5 });
      return previousMs;
    });
    console.log(`  ${name}: ${waits.join(", ")} ms`);
  }
}

console.log("\n3. What cannot succeed is not tried again, and errors stay what they are");
{
  const bad = flaky(9, () => new AgenkitError("invalid_argument", "The question is empty"));
  for (const target of [bad, flaky(9)]) {
    const retrying = wrap(target, retry({ initialBackoffMs: 1 }));
    const error = await retrying.process(question).catch((error) => error);
    const { attempts, stoppedBy } = attemptsOf(error)!;
    console.log(`  ${error.name}: ${error.message} (attempts: ${attempts}, end: ${stoppedBy})`);
  }
}

console.log(
  "\n4. A server that says when to come again is not asked before; if that is too late, not at all",
);
{
  const busy = () => flaky(1, () => new RateLimitError("Slow down", { retryAfterMs: 30 }));
  const polite = retry({
    initialBackoffMs: 1,
    onRetry: ({ delayMs }) => console.log(`  waits for ${delayMs} ms, as it was told`),
  });
  console.log(`  ${text(await wrap(busy(), polite).process(question))}`);
  const deadline = performance.now() + 20;
  const error = await wrap(busy(), polite).process(question, { deadline }).catch((e) => e);
  console.log(`  with 20 ms left: "${error.message}" (end: ${attemptsOf(error)!.stoppedBy})`);
}

console.log("\n5. Everything is down: a budget keeps 100 calls from becoming 300");
{
  let calls = 0;
  const down = agent("down", () => {
    calls++;
    throw new Error("down");
  });
  const budget = retryBudget({ ratio: 0.1, burst: 5 });
  const careful = wrap(down, retry({ backoff: constantBackoff(0), budget }));
  await Promise.allSettled(Array.from({ length: 100 }, () => careful.process(question)));
  console.log(`  100 calls made ${calls} attempts`);
}

console.log("\n6. A stream is tried again until its first chunk, never after it");
{
  let streams = 0;
  const broken = agent("broken", async function* () {
    if (++streams === 1) throw new Error("no connection");
    yield "one";
    throw new Error("lost on the way");
  });
  const retrying = wrap(broken, retry({ initialBackoffMs: 1 }));
  try {
    for await (const chunk of retrying.stream(question)) {
      console.log(`  chunk "${text(chunk)}" from stream ${streams}`);
    }
  } catch (error) {
    console.log(`  then it failed: ${(error as Error).message}`);
  }
}
