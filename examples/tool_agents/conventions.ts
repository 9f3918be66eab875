/**
 * Tools by the convention that Python and Go share: a request brings its
 * `tool_calls`, and the answer has the results. Useful for programs that know
 * what they want, without any model; and dangerous over a network, which is why
 * servers take the calls out of what they receive.
 */
import { AgenkitError, agent, message, text, tool, toolAgent } from "@agenkit/agenkit";
import { httpAgent } from "@agenkit/agenkit/http";
import { serve } from "@agenkit/agenkit/serve";

const divide = tool({
  name: "divide",
  description: "Divides a number by another",
  parameters: {
    type: "object",
    properties: { a: { type: "number" }, b: { type: "number" } },
    required: ["a", "b"],
  },
  execute: ({ a, b }) => {
    if (b === 0) throw new AgenkitError("invalid_argument", "Division by zero");
    return { result: a / b };
  },
});

const leaky = tool({
  name: "leaky",
  description: "Fails with something nobody should read",
  execute: () => {
    throw new Error("cannot reach postgres://admin:secret@10.0.0.1");
  },
});

const inner = agent("helper", (m) => `you said: ${text(m)}`);
const helper = toolAgent(inner, [divide, leaky]);

function request(...tool_calls: { tool_name: string; parameters: { [key: string]: number } }[]) {
  return message("user", "calculate", { tool_calls });
}

console.log("1. Calls run in order, and a failure is a result among the others");
{
  const answer = await helper.process(request(
    { tool_name: "divide", parameters: { a: 8, b: 2 } },
    { tool_name: "divide", parameters: { a: 8, b: 0 } },
    { tool_name: "subtract", parameters: { a: 8, b: 2 } },
  ));
  console.log(text(answer).replaceAll(/^/gm, "  "));
  console.log(`  ${JSON.stringify(answer.metadata.tool_results)}`);
}

console.log("\n2. Without the key the inner agent answers; with an empty list nobody is asked");
{
  console.log(`  ${text(await helper.process(message("user", "hello")))}`);
  console.log(`  ${text(await helper.process(request()))}`);
}

console.log("\n3. Arguments are checked, and errors keep their secrets");
{
  const answer = await helper.process(request(
    { tool_name: "divide", parameters: { a: 8 } },
    { tool_name: "leaky", parameters: {} },
  ));
  console.log(text(answer).replaceAll(/^/gm, "  "));
}

console.log("\n4. A list that is not right as a whole is refused before anything runs");
try {
  await helper.process(message("user", "go", { tool_calls: "divide" }));
} catch (error) {
  console.log(`  ${(error as AgenkitError).code}: ${(error as Error).message}`);
}

console.log("\n5. Over a network they run only where the server trusts its clients");
for (const trustToolCalls of [false, true]) {
  await using server = await serve(helper, { port: 0, hostname: "127.0.0.1", trustToolCalls });
  const remote = httpAgent(server.url);
  const answer = await remote.process(
    request({ tool_name: "divide", parameters: { a: 1, b: 4 } }),
  );
  console.log(`  trustToolCalls ${trustToolCalls}: ${text(answer).replaceAll("\n", " / ")}`);
}
