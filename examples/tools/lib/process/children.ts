import { readdir, readFile } from "node:fs/promises";
import process from "node:process";

/** A process that this program has started, by whatever way. */
export type OwnChild = {
  readonly pid: number;
  /** The name the system knows it by; at most 15 characters. */
  readonly name: string;
};

/**
 * This program's own children, on Linux, where `/proc` tells. Names alone:
 * the command line and the environment of a process may hold secrets.
 */
export async function ownChildren(maximum: number): Promise<readonly OwnChild[]> {
  const found: OwnChild[] = [];
  const threads = await readdir("/proc/self/task").catch(() => []);
  for (const thread of threads) {
    const path = `/proc/${process.pid}/task/${thread}/children`;
    const children = await readFile(path, "utf8").catch(() => "");
    for (const pid of children.split(" ").filter((text) => text !== "")) {
      if (found.length >= maximum) return found;
      const name = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => undefined);
      if (name !== undefined) found.push({ pid: Number(pid), name: name.trim() });
    }
  }
  return found;
}
