import type { JsonObject, Tool } from "@agenkit/agenkit";

/** Calls a tool as a model would and prints what the model gets to read. */
export async function demo(
  tool: Tool,
  scenarios: readonly (readonly [title: string, args: JsonObject])[],
): Promise<void> {
  for (const [title, args] of scenarios) {
    console.log(`${title}\n  ${tool.name} ${short(args)}`);
    const { success, data, error } = await tool.execute(args);
    console.log(success ? `  -> ${short(data)}\n` : `  refused: ${short(error)}\n`);
  }
}

function short(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
