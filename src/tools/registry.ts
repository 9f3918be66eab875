import { AgenkitError } from "../core/errors.ts";
import { describe, type JsonObject } from "../core/json.ts";
import { ANYTHING } from "./parameters.ts";
import { runnableOf } from "./runnable.ts";
import type { Tool } from "./tool.ts";

/** A tool as a model has to know it. A `type`, so that it counts as JSON. */
export type ToolSchema = {
  /** Its name. */
  readonly name: string;
  /** What it does. */
  readonly description: string;
  /** The JSON Schema of its arguments. */
  readonly parameters: JsonObject;
};

/** The tools that an agent may use, by name. Made by {@linkcode toolRegistry}. */
export interface ToolRegistry {
  /**
   * Adds a tool.
   *
   * @throws {TypeError} If it is no tool, or its parameters are not a JSON Schema that is known.
   * @throws {AgenkitError} With code `already_exists`, if there is a tool of that name.
   */
  register(tool: Tool): void;
  /** Takes a tool out; tells whether it was there. Calls that run go on. */
  unregister(name: string): boolean;
  /** The tool of that name. */
  get(name: string): Tool | undefined;
  /** All tools, in the order they were added. */
  list(): readonly Tool[];
  /** A text for prompts: the tools and what they do, sorted by name. */
  descriptions(): string;
  /** The tools as a model's API wants them, in the order they were added. */
  schemas(): readonly ToolSchema[];
}

/**
 * Makes a registry of tools.
 *
 * @example
 * ```ts
 * import { tool, toolRegistry } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const dice = tool({ name: "dice", description: "Throws a die", execute: () => 4 });
 * const registry = toolRegistry([dice]);
 * assert.equal(registry.get("dice"), dice);
 * assert.equal(registry.descriptions(), "Available tools:\n- dice: Throws a die");
 * ```
 *
 * @param tools What to register at once.
 * @throws {TypeError} If one is no tool.
 * @throws {AgenkitError} With code `already_exists`, if two have the same name.
 */
export function toolRegistry(tools: Iterable<Tool> = []): ToolRegistry {
  const registry = new Registry();
  for (const tool of tools) registry.register(tool);
  return registry;
}

class Registry implements ToolRegistry {
  readonly #tools = new Map<string, Tool>();

  register(tool: Tool): void {
    checkTool(tool);
    const { name } = tool;
    if (this.#tools.has(name)) {
      throw new AgenkitError("already_exists", `Tool '${name}' is already registered`);
    }
    runnableOf(tool);
    this.#tools.set(name, tool);
  }

  unregister(name: string): boolean {
    return this.#tools.delete(name);
  }

  get(name: string): Tool | undefined {
    return this.#tools.get(name);
  }

  list(): readonly Tool[] {
    return [...this.#tools.values()];
  }

  descriptions(): string {
    if (this.#tools.size === 0) return "No tools available.";
    const lines = [...this.#tools.keys()].sort()
      .map((name) => `- ${name}: ${this.#tools.get(name)!.description}`);
    return ["Available tools:", ...lines].join("\n");
  }

  schemas(): readonly ToolSchema[] {
    return this.list().map(({ name, description, parameters = ANYTHING.jsonSchema }) => ({
      name,
      description,
      parameters,
    }));
  }
}

function checkTool(value: unknown): asserts value is Tool {
  if (value === null || value === undefined) {
    throw new TypeError(`Tool cannot be ${value}: expected what tool() makes`);
  }
  const { name, description, execute } = value as Partial<Tool>;
  if (name === "") throw new TypeError("Tool name cannot be empty");
  if (
    typeof name !== "string" || typeof description !== "string" || typeof execute !== "function"
  ) {
    throw new TypeError(
      `Cannot register a tool: expected 'name', 'description' and an 'execute' function, got ${
        describe(value)
      }`,
    );
  }
}
