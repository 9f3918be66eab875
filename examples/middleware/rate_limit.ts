/**
 * Rate limiting: bursts, waiting in line, refusing, a bucket for each user, and
 * calls that cost more than others.
 */
import { agent, message, rateLimit, RateLimitError, text, wrap } from "@agenkit/agenkit";

const model = agent("model", (m) => `answer to ${text(m)}`);

function ask(words: string, user = "ann") {
  return message("user", words, { user });
}

console.log("1. A burst goes through at once, the rest at the rate: 20 a second");
{
  const limited = wrap(model, rateLimit({ rate: 20, burst: 3 }));
  const start = performance.now();
  await Promise.all(
    Array.from({ length: 6 }, async (_, i) => {
      await limited.process(ask(`question ${i}`));
      // To the nearest step of 50 ms, as timers are never exact.
      const waited = Math.round((performance.now() - start) / 50) * 50;
      console.log(`  call ${i} was let through after about ${waited} ms`);
    }),
  );
}

console.log("\n2. A call that is refused is told when to come again");
{
  const limited = wrap(model, rateLimit({ rate: 2, burst: 1, mode: "reject" }));
  await limited.process(ask("first"));
  try {
    await limited.process(ask("second"));
  } catch (error) {
    if (!(error instanceof RateLimitError)) throw error;
    console.log(`  ${error.name} (${error.code}): come again in ${error.retryAfterMs} ms`);
  }
}

console.log("\n3. Waiting has limits: 60 ms at most, or the call's own deadline");
{
  const limit = rateLimit({ rate: 20, burst: 1, maxWaitMs: 60 });
  const limited = wrap(model, limit);
  const deadline = performance.now() + 20;
  const calls = await Promise.allSettled([
    limited.process(ask("at once")),
    limited.process(ask("has only 20 ms"), { deadline }),
    limited.process(ask("waits 50 ms")),
    limited.process(ask("would wait 100 ms")),
  ]);
  for (const call of calls) {
    console.log(`  ${call.status === "fulfilled" ? text(call.value) : call.reason.message}`);
  }
}

console.log("\n4. Who gives up makes room: those behind move up");
{
  const limit = rateLimit({ rate: 10, burst: 1 });
  const limited = wrap(model, limit);
  await limited.process(ask("first"));
  const impatient = new AbortController();
  const given = limited.process(ask("second"), { signal: impatient.signal }).catch(() => {});
  const start = performance.now();
  const third = limited.process(ask("third"));
  impatient.abort();
  await Promise.all([given, third]);
  const waited = Math.round((performance.now() - start) / 50) * 50;
  console.log(`  the third call waited about ${waited} ms, not 200`);
  const { totalRequests, allowedRequests, cancelledRequests } = limit.metrics;
  console.log(`  of ${totalRequests}, ${allowedRequests} went through, ${cancelledRequests} left`);
}

console.log("\n5. A bucket for each user: one cannot use up what the others have");
{
  const limit = rateLimit({
    rate: 1,
    burst: 2,
    mode: "reject",
    key: (m) => String(m.metadata.user),
  });
  const limited = wrap(model, limit);
  for (const user of ["ann", "ann", "ann", "bob"]) {
    const outcome = await limited.process(ask("hello", user)).then(
      () => "let through",
      () => "refused",
    );
    console.log(`  ${user}: ${outcome}`);
  }
  console.log(`  buckets kept: ${limit.metrics.buckets}`);
}

console.log("\n6. Long questions cost more: a token for each word");
{
  const limit = rateLimit({ burst: 10, tokensPerCall: (m) => text(m).split(" ").length });
  const limited = wrap(model, limit);
  await limited.process(ask("What is a deadline good for?"));
  console.log(`  tokens left of 10: ${Math.floor(limit.metrics.currentTokens!)}`);
}
