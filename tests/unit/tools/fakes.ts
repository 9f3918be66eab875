import { type Agent, agent, type Json, type JsonObject, message } from "../../../src/core/mod.ts";
import type { Message } from "../../../src/core/mod.ts";
import { type Tool, tool } from "../../../src/tools/mod.ts";

/** Adds two numbers and says so in the way of the peers' tests: `{ result }`. */
export const add: Tool = tool({
  name: "add",
  description: "Adds two numbers",
  parameters: {
    type: "object",
    properties: { a: { type: "number" }, b: { type: "number" } },
    required: ["a", "b"],
  },
  execute: ({ a, b }) => ({ result: a + b }),
});

/** An agent that repeats what it got. */
export const echo: Agent = agent({
  name: "echo",
  capabilities: ["echoing"],
  process: (m) => `echo: ${m.content}`,
});

/** A request that asks for tools itself. */
export function asking(calls: Json, metadata: JsonObject = {}): Message {
  return message("user", "go", { ...metadata, tool_calls: calls });
}

/** A call in the shape of the peers. */
export function peerCall(name: string, parameters: JsonObject = {}): JsonObject {
  return { tool_name: name, parameters };
}

/** What a model answers, turn by turn; it keeps what it was given. */
export interface Script {
  readonly model: Agent;
  readonly given: Message[];
}

/** A model that answers turn by turn: text, or the calls it asks for. */
export function scripted(...turns: readonly (string | Json)[]): Script {
  const given: Message[] = [];
  const model = agent("model", (m) => {
    const turn = turns[Math.min(given.length, turns.length - 1)]!;
    given.push(m);
    return typeof turn === "string" ? turn : { content: "", metadata: { tool_calls: turn } };
  });
  return { model, given };
}

/** The results that a message carries. */
export function resultsOf(m: Message): readonly JsonObject[] {
  return m.metadata.tool_results as readonly JsonObject[];
}

/** The error texts of the results that a message carries. */
export function errorsOf(m: Message): readonly Json[] {
  return resultsOf(m).map(({ error }) => error!);
}
