/**
 * One after the other: each step gets the answer of the one before it. For work
 * that has stages, each simple enough to be tested, swapped or wrapped alone.
 */
import {
  agent,
  collect,
  delay,
  failurePath,
  message,
  sequential,
  text,
  wrap,
} from "@agenkit/agenkit";

const extract = agent("extract", (m) => text(m).replace(/<[^>]*>/g, ""));
const translate = agent(
  "translate",
  (m) => text(m).replace("Hallo", "Hello").replace("Welt", "world"),
);
const polish = agent("polish", (m) => `${text(m).trim()}.`);

console.log("1. A pipeline is an agent: its steps know nothing of each other");
{
  const pipeline = sequential([extract, translate, polish], { name: "pipeline" });
  const answer = await pipeline.process(message("user", "<p>Hallo <b>Welt</b> </p>"));
  console.log(`  ${text(answer)}`);
  console.log(`  ${pipeline.name} can do: ${pipeline.capabilities?.join(", ")}`);
}

console.log("\n2. The last step streams, so the user reads while it writes");
{
  const write = agent("write", async function* (m) {
    for (const word of text(m).split(" ")) {
      await delay(2);
      yield `${word} `;
    }
  });
  const story = sequential([extract, translate, write]);
  const chunks = await collect(story.stream(message("user", "<i>Hallo Welt</i>")));
  console.log(`  ${chunks.length} chunks: ${chunks.map((chunk) => JSON.stringify(text(chunk)))}`);
}

console.log("\n3. A step that fails: its very error arrives, and which step it was");
{
  const check = agent("check", (m) => {
    throw new RangeError(`"${text(m)}" is too short`);
  });
  const inner = sequential([translate, check], { name: "review" });
  const outer = sequential([extract, inner, polish], { name: "pipeline" });
  const error = await outer.process(message("user", "Hallo")).catch((error) => error);
  console.log(`  ${error.name}: ${error.message}`);
  console.log(
    `  at ${failurePath(error).map((step) => `${step.composition}[${step.at}]`).join(" > ")}`,
  );
}

console.log("\n4. The user has left: the step that runs is cancelled, the next never starts");
{
  const controller = new AbortController();
  const log: string[] = [];
  const slow = agent("slow", async (m, call) => {
    log.push("slow began");
    await delay(10_000, { signal: call.signal! });
    return text(m);
  });
  const next = agent("next", () => {
    log.push("next began");
    return "";
  });
  const work = sequential([slow, next]).process(message("user", "hi"), {
    signal: controller.signal,
  });
  controller.abort(new Error("the user has left"));
  console.log(`  rejected with: ${(await work.catch((error) => error)).message}`);
  console.log(`  ${log.join(", ")}`);
}

console.log("\n5. Middleware goes around one step, or around all of them");
{
  const timed = (label: string) => (next: ReturnType<typeof agent>) =>
    agent(next.name, async (m, call) => {
      const answer = await next.process(m, call);
      console.log(`  ${label} saw ${JSON.stringify(text(answer))}`);
      return answer;
    });
  const pipeline = wrap(
    sequential([extract, wrap(translate, timed("around one step"))]),
    timed("around them all"),
  );
  await pipeline.process(message("user", "<p>Hallo</p>"));
}
