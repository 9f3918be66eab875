import { FILTER } from "./suite.ts";

/** What the rows of one group came to, all measured in one run. */
export interface Measured {
  readonly group: string;
  readonly unit: "ns" | "bytes";
  /** By row; the first is the baseline. */
  readonly rows: ReadonlyMap<string, number>;
}

const ROOT = new URL("../..", import.meta.url).pathname;

/**
 * Measures the groups of a file that have one of these texts in their names,
 * in a process of its own: it prints a line for each group.
 */
export async function* measure(
  file: string,
  groups: readonly string[],
): AsyncGenerator<Measured, void, undefined> {
  const unit = file.endsWith("_memory.ts") ? "bytes" : "ns";
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--v8-flags=--expose-gc", file],
    cwd: ROOT,
    env: { [FILTER]: JSON.stringify(groups) },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const { group, rows } = JSON.parse(line) as { group: string; rows: Record<string, number> };
      yield { group, unit, rows: new Map(Object.entries(rows)) };
    }
  }
  const { code } = await child.status;
  if (code !== 0) throw new Error(`${file} ended with exit code ${code}`);
}
