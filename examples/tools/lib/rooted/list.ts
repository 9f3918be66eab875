import { lstat, opendir } from "node:fs/promises";
import type { Directory } from "./directory.ts";
import { nameProblem, type PathPolicy } from "./path.ts";

/** One name in a directory. */
export type Entry = {
  readonly name: string;
  /** Links are named as such and never followed. */
  readonly type: "file" | "directory" | "link" | "other";
  /** Bytes; only of files. */
  readonly size?: number;
};

/** What was found, and whether there was more. */
export type Listing = {
  readonly entries: readonly Entry[];
  readonly truncated: boolean;
};

/**
 * Lists an open directory: names that the policy forbids are left out, as are
 * those that vanish meanwhile. Sorted by name.
 */
export async function listIn(
  directory: Directory,
  policy: PathPolicy,
  maxEntries: number,
  signal?: AbortSignal,
): Promise<Listing> {
  const entries: Entry[] = [];
  let truncated = false;
  // Closes itself, also when the loop is left early.
  for await (const { name } of await opendir(directory.via)) {
    signal?.throwIfAborted();
    if (nameProblem(name, policy) !== undefined) continue;
    if (entries.length >= maxEntries) {
      truncated = true;
      break;
    }
    const found = await lstat(`${directory.via}/${name}`).catch(() => undefined);
    if (found === undefined) continue;
    if (found.isFile()) entries.push({ name, type: "file", size: found.size });
    else {
      entries.push({
        name,
        type: found.isDirectory() ? "directory" : found.isSymbolicLink() ? "link" : "other",
      });
    }
  }
  return { entries: entries.sort((a, b) => a.name < b.name ? -1 : 1), truncated };
}

/** How far a walk goes. */
export interface WalkLimits {
  readonly policy: PathPolicy;
  /** How many entries are looked at, in all directories together. */
  readonly maxVisited: number;
  readonly maxDepth: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Walks all directories below an open one, depth first, without following
 * links. Calls back for each file; when that returns false, the walk ends.
 *
 * @returns Whether everything was seen.
 */
export async function walk(
  directory: Directory,
  limits: WalkLimits,
  visit: (directory: Directory, names: readonly string[], entry: Entry) => Promise<boolean>,
): Promise<boolean> {
  let left = limits.maxVisited;
  let complete = true;
  const descend = async (current: Directory, names: readonly string[]): Promise<boolean> => {
    const { entries, truncated } = await listIn(current, limits.policy, left, limits.signal);
    left -= entries.length;
    if (truncated) complete = false;
    for (const entry of entries) {
      const path = [...names, entry.name];
      if (entry.type === "file") {
        if (!await visit(current, path, entry)) return false;
      } else if (entry.type === "directory") {
        if (path.length > limits.maxDepth) {
          complete = false;
          continue;
        }
        // Gone, or a link by now: what cannot be entered is left out.
        const next = await current.child(entry.name).catch(() => undefined);
        if (next === undefined) continue;
        try {
          if (!await descend(next, path)) return false;
        } finally {
          await next[Symbol.asyncDispose]();
        }
      }
    }
    return true;
  };
  return await descend(directory, []) && complete;
}
