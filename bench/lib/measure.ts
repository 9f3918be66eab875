import { FILTER } from "./suite.ts";

/** What the rows of one group came to, all measured in one run. */
export interface Measured {
  readonly group: string;
  readonly unit: "ns" | "bytes";
  /** By row; the first is the baseline. */
  readonly rows: ReadonlyMap<string, number>;
}

/** What `deno bench --json` writes, as far as it is used. */
interface Report {
  readonly benches: readonly {
    readonly group: string;
    readonly name: string;
    readonly results: readonly {
      readonly ok?: { readonly min: number };
      readonly failed?: unknown;
    }[];
  }[];
}

const ROOT = new URL("../..", import.meta.url).pathname;

/**
 * Measures the groups of a file that have one of these texts in their names:
 * `*_bench.ts` by `deno bench`, `*_memory.ts` as a program that prints its rows.
 */
export async function measure(file: string, groups: readonly string[]): Promise<Measured[]> {
  if (file.endsWith("_memory.ts")) {
    const lines = await output(["run", "-A", "--v8-flags=--expose-gc", file], groups);
    return lines.split("\n").filter((line) => line !== "").map(readMemory);
  }
  return readReport(await output(["bench", "-A", "--json", file], groups));
}

async function output(args: readonly string[], groups: readonly string[]): Promise<string> {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: { [FILTER]: JSON.stringify(groups), NO_COLOR: "1" },
    stderr: "inherit",
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (code !== 0) throw new Error(`deno ${args.join(" ")} ended with exit code ${code}\n${text}`);
  return text;
}

/** Takes the fastest run of each row: what disturbs a run only ever adds to it. */
function readReport(text: string): Measured[] {
  const found = new Map<string, Map<string, number>>();
  const report = text.trim() === "" ? { benches: [] } : JSON.parse(text) as Report;
  for (const { group, name, results } of report.benches) {
    const [, title = group, calls = "1"] = /^(.*) \((\d+) calls\)$/.exec(group) ?? [];
    const best = results[0]?.ok?.min;
    if (best === undefined) {
      throw new Error(`${title}, row "${name}" failed: ${JSON.stringify(results[0]?.failed)}`);
    }
    const rows = found.get(title) ?? new Map<string, number>();
    found.set(title, rows.set(name, best / Number(calls)));
  }
  return [...found].map(([group, rows]) => ({ group, unit: "ns", rows }));
}

function readMemory(line: string): Measured {
  const { group, rows } = JSON.parse(line) as { group: string; rows: Record<string, number> };
  return { group, unit: "bytes", rows: new Map(Object.entries(rows)) };
}
