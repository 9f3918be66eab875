/**
 * The one that fits: routes with conditions, the first that holds answers. For
 * rules that can be said in a line each, and read from top to bottom.
 */
import {
  agent,
  and,
  type Condition,
  conditional,
  contentContains,
  message,
  metadataEquals,
  metadataHasKey,
  not,
  or,
  RoutingError,
  text,
} from "@agenkit/agenkit";

const says = (name: string, answer: string) => agent(name, () => answer);
const billing = says("billing", "Your invoice is on its way.");
const technician = says("technician", "Have you tried turning it off and on?");
const reception = says("reception", "How can I help?");

console.log("1. Rules from top to bottom, and somebody for the rest");
{
  const desk = conditional([
    { when: contentContains("invoice"), agent: billing },
    { when: or(contentContains("broken"), contentContains("error")), agent: technician },
  ], { otherwise: reception });
  for (const content of ["Where is my invoice?", "It is broken", "Hello"]) {
    const { metadata, ...answer } = await desk.process(message("user", content));
    const { conditional_agent_used, conditional_route } = metadata;
    console.log(
      `  ${content} -> ${conditional_agent_used} (${conditional_route}): ${text(answer)}`,
    );
  }
}

console.log(
  "\n2. Conditions on metadata compare all the way down, and nothing equals a missing key",
);
{
  const vip = says("concierge", "Welcome back!");
  const desk = conditional([
    { when: and(metadataEquals("user", { tier: "vip" }), not(metadataHasKey("bot"))), agent: vip },
  ], { otherwise: reception });
  const ask = async (metadata: Record<string, string | { tier: string }>) =>
    text(await desk.process(message("user", "Hi", metadata)));
  console.log(`  a vip: ${await ask({ user: { tier: "vip" } })}`);
  console.log(`  a vip's bot: ${await ask({ user: { tier: "vip" }, bot: "1.0" })}`);
  console.log(`  nobody: ${await ask({})}`);
}

console.log("\n3. A condition may ask a model: it gets the call's signal to hand on");
{
  const judge = agent("judge", (m) => text(m).includes("!") ? "angry" : "calm");
  const angry: Condition = async (m, call) => text(await judge.process(m, call)) === "angry";
  const desk = conditional([{ when: angry, agent: says("calmer", "I am so sorry.") }], {
    otherwise: reception,
  });
  console.log(`  ${text(await desk.process(message("user", "It is broken AGAIN!")))}`);
}

console.log("\n4. Nobody fits, or a condition has a bug: an error that says which");
{
  const strict = conditional([
    { when: contentContains("invoice"), agent: billing },
    {
      when: (m) => (m.metadata.user as { tier: string }).tier === "vip",
      agent: technician,
    },
  ], { name: "desk" });
  const error = await strict.process(message("user", "Hello")).catch((error) => error);
  if (error instanceof RoutingError) {
    console.log(`  ${error.message}`);
    console.log(`  route ${error.route}, caused by a ${(error.cause as Error).name}`);
  }
  const none = conditional([{ when: contentContains("invoice"), agent: billing }]);
  console.log(`  ${await none.process(message("user", "Hello")).catch((error) => error)}`);
}

console.log("\n5. The chosen agent streams; one that cannot gives its answer as one chunk");
{
  const reader = agent("reader", async function* () {
    yield "Once ";
    yield "upon ";
    yield "a time";
  });
  const desk = conditional([{ when: contentContains("story"), agent: reader }], {
    otherwise: reception,
  });
  for (const content of ["A story, please", "Hello"]) {
    const chunks: string[] = [];
    for await (const chunk of desk.stream!(message("user", content))) chunks.push(text(chunk));
    console.log(`  ${content}: ${JSON.stringify(chunks)}`);
  }
}
