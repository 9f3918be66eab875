/**
 * The loop between a model and its tools. What stands in for the model here
 * follows fixed rules, so that the example needs no key and always goes the
 * same way; a real one is called at the same place, with `registry.schemas()`
 * and the history that comes along.
 */
import {
  agent,
  createContextKey,
  createContextValues,
  delay,
  type Json,
  type JsonObject,
  message,
  text,
  tool,
  toolAgent,
  toolRegistry,
} from "@agenkit/agenkit";

const WEATHER: Record<string, { sky: string; celsius: number }> = {
  Bergen: { sky: "rain", celsius: 9 },
  Cairo: { sky: "sun", celsius: 34 },
  Oslo: { sky: "snow", celsius: -3 },
};

/** How many tools run, and the most there ever were. */
let running = 0;
let most = 0;

const weather = tool({
  name: "weather",
  description: "Tells the weather of a city",
  parameters: {
    type: "object",
    properties: { city: { type: "string", minLength: 1 } },
    required: ["city"],
    additionalProperties: false,
  },
  execute: async ({ city }, { signal }) => {
    most = Math.max(most, ++running);
    await delay(10, { signal });
    running--;
    return WEATHER[city] ?? null;
  },
});

const alarm = tool({
  name: "alarm",
  description: "Sounds the alarm",
  execute: () => "the alarm is on",
});

const registry = toolRegistry([weather, alarm]);

/** Stands in for a model: asks for the weather of each city that is named, then tells it. */
const model = agent("model", async function* (m) {
  if (m.role !== "tool") {
    const cities = text(m).match(/\b[A-Z][a-z]+\b(?=[,?]| and)/g) ?? [];
    yield "Let me see. ";
    const call = (city: string, index: number) => {
      const id = `c${index}`;
      if (text(m).includes("alarm")) return { id, name: "alarm", arguments: {} };
      // A mistake on purpose: there is no such argument.
      return { id, name: "weather", arguments: city === "Oslo" ? { town: city } : { city } };
    };
    return yield { content: "", metadata: { tool_calls: cities.map(call) } };
  }
  const results = m.metadata.tool_results as readonly JsonObject[];
  if (results.some(({ error }) => String(error).includes("'city'"))) {
    yield "I asked for it the wrong way. ";
    const again = { id: "c9", name: "weather", arguments: { city: "Oslo" } };
    return yield { content: "", metadata: { tool_calls: [again] } };
  }
  for (const { data, error } of results) {
    yield error === null ? `${describe(data!)} ` : `Sorry: ${error}. `;
  }
});

function describe(data: Json): string {
  if (typeof data === "string") return data;
  const { sky, celsius } = data as JsonObject;
  return `There is ${sky} at ${celsius} degrees.`;
}

console.log("1. What the model knows of its tools");
for (const { name, description, parameters } of registry.schemas()) {
  console.log(`  ${name}: ${description}, takes ${Object.keys(parameters.properties!).join()}`);
}

console.log("\n2. Two calls of one answer run at once: it takes as long as one");
{
  const assistant = toolAgent(model, registry);
  const answer = await assistant.process(message("user", "How is it in Bergen and Cairo?"));
  console.log(`  ${text(answer)}`);
  console.log(`  at once: ${most}`);
}

console.log("\n3. A stream: chunks come as they are made, the calls stay hidden");
{
  const assistant = toolAgent(model, registry);
  for await (const chunk of assistant.stream(message("user", "How is it in Bergen?"))) {
    console.log(`  | ${text(chunk)}`);
  }
}

console.log("\n4. A mistake of the model is told to it, and it tries again");
{
  const failures: string[] = [];
  const assistant = toolAgent(model, registry, {
    onResult: ({ callId, result }) => {
      if (!result.success) failures.push(`${callId}: ${result.error}`);
    },
  });
  const question = message("user", "How is it in Oslo?");
  for await (const chunk of assistant.stream(question)) console.log(`  | ${text(chunk)}`);
  for (const failure of failures) console.log(`  ${failure}`);
}

console.log("\n5. A call needs permission, which depends on who asks");
{
  const user = createContextKey("nobody");
  const assistant = toolAgent(model, registry, {
    authorize: ({ name }, { values }) => name !== "alarm" || values.get(user) === "janitor",
  });
  for (const who of ["visitor", "janitor"]) {
    const values = createContextValues().with(user, who);
    const asked = message("user", "Is an alarm needed in Bergen?");
    console.log(`  ${who}: ${text(await assistant.process(asked, { values }))}`);
  }
}

console.log("\n6. A model that never stops asking is stopped");
{
  const restless = agent("restless", () => ({
    content: "",
    metadata: { tool_calls: [{ name: "weather", arguments: { city: "Cairo" } }] },
  }));
  try {
    await toolAgent(restless, registry, { maxRounds: 2 }).process(message("user", "Well?"));
  } catch (error) {
    console.log(`  ${(error as Error).message}`);
  }
}
