import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Agent, isAgent } from "../core/agent.ts";
import { UsageError } from "./io.ts";

/**
 * Finds the agents that a module exports: each export that is one, and what is
 * in an exported array or object. The default export comes first.
 *
 * @param specifier A path, or a URL such as `https:`, `jsr:` or `npm:`.
 * @throws {UsageError} If the module cannot be loaded or exports no agent.
 */
export async function loadAgents(specifier: string): Promise<Agent[]> {
  const url = /^[a-z][a-z+.-]+:/i.test(specifier)
    ? specifier
    : pathToFileURL(resolve(specifier)).href;
  let module: Record<string, unknown>;
  try {
    module = await import(url);
  } catch (cause) {
    throw new UsageError(`Cannot load ${specifier}: ${(cause as Error).message}`, { cause });
  }
  const { default: main, ...named } = module;
  const agents = [main, ...Object.values(named)].flatMap(agentsIn);
  if (agents.length > 0) return [...new Set(agents)];
  const names = Object.keys(module);
  throw new UsageError(
    `${specifier} exports no agent: expected agent(...) or an object with 'name' and 'process', ` +
      `got ${names.length === 0 ? "no exports" : names.join(", ")}`,
  );
}

function agentsIn(value: unknown): Agent[] {
  if (isAgent(value)) return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).filter(isAgent);
}
