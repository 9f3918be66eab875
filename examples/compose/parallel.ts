/**
 * Side by side: several agents get the same message at the same time. For
 * several opinions, several sources, or the fastest of several.
 */
import {
  agent,
  AggregateAgentError,
  delay,
  message,
  parallel,
  quorum,
  text,
} from "@agenkit/agenkit";

const question = message("user", "Is it going to rain?");
const expert = (name: string, ms: number, answer: string) =>
  agent(name, async (_, call) => {
    await delay(ms, { signal: call.signal! });
    return answer;
  });
const broken = agent("broken", () => {
  throw new Error("The sensor is wet");
});

console.log("1. Several opinions in the time of the slowest, in the order of the agents");
{
  const start = performance.now();
  const panel = parallel([
    expert("radar", 200, "Yes, at noon"),
    expert("frog", 100, "Perhaps"),
    expert("almanac", 150, "No"),
  ]);
  const answer = await panel.process(question);
  console.log(text(answer).replace(/^/gm, "  "));
  console.log(
    `  one after the other takes 450 ms; this took ${
      performance.now() - start < 450 ? "less" : "more"
    }`,
  );
}

console.log("\n2. The first answer will do: the others are cancelled, and cost nothing more");
{
  const slow = agent("slow", async (_, call) => {
    try {
      await delay(10_000, { signal: call.signal! });
    } finally {
      console.log("  slow was cancelled");
    }
    return "";
  });
  const race = parallel([slow, broken, expert("fast", 5, "Yes")], { policy: "any" });
  console.log(`  ${text(await race.process(question))}`);
}

console.log("\n3. Two of three have to agree to call it an answer");
{
  const replicas = [expert("a", 5, "stored"), broken, expert("c", 10, "stored")];
  console.log(
    `  ${
      text(await parallel(replicas, { policy: quorum(2) }).process(question)).replace("\n", ", ")
    }`,
  );
  const error = await parallel(replicas, { policy: quorum(3) }).process(question)
    .catch((error) => error as AggregateAgentError);
  if (error instanceof AggregateAgentError) {
    const [failure] = error.errors;
    console.log(
      `  all three: ${failure?.agent} (position ${failure?.index}) failed: ${failure?.cause}`,
    );
  }
}

console.log("\n4. Take what there is, and make of it what you like: here a vote");
{
  const voters = [
    expert("a", 3, "yes"),
    expert("b", 1, "no"),
    expert("c", 2, "yes"),
    broken,
  ];
  const vote = parallel(voters, {
    policy: "settled",
    aggregate: (results) => {
      const answers = results.filter((result) => result.status === "answered")
        .map((result) => text(result.message));
      const yes = answers.filter((answer) => answer === "yes").length;
      return `${yes} of ${answers.length} say yes, ${results.length - answers.length} said nothing`;
    },
  });
  console.log(`  ${text(await vote.process(question))}`);
}

console.log("\n5. A hundred agents, but only ten at a time: somebody has to pay for the model");
{
  let running = 0;
  let most = 0;
  const agents = Array.from({ length: 100 }, (_, i) =>
    agent(`agent ${i}`, async () => {
      most = Math.max(most, ++running);
      await delay(1);
      running--;
      return "done";
    }));
  const answer = await parallel(agents, { concurrency: 10 }).process(question);
  console.log(`  ${text(answer).split("\n").length} answers, at most ${most} at a time`);
}

console.log("\n6. Streams are merged as they come, and say whose they are");
{
  const talker = (name: string, ms: number) =>
    agent(name, async function* () {
      for (const word of ["one", "two"]) {
        await delay(ms);
        yield word;
      }
    });
  const both = parallel([talker("slow", 15), talker("fast", 5)]);
  const seen: string[] = [];
  for await (const chunk of both.stream(question)) {
    seen.push(`${chunk.metadata.parallel_agent}: ${text(chunk)}`);
  }
  console.log(`  ${seen.join(", ")}`);
}
