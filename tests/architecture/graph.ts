import { expand } from "../runtimes/files.ts";
import { runProcess } from "../runtimes/process.ts";

/** One import of one module. */
export interface Arrow {
  readonly from: string;
  /** A path relative to the repository, or a specifier such as `npm:x@1`. */
  readonly to: string;
}

/** The repository, as an absolute path. */
export const root: string = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

/** Every module of the package and every import, type-only ones included. */
export interface Graph {
  readonly files: readonly string[];
  readonly arrows: readonly Arrow[];
}

interface Info {
  readonly modules: readonly {
    readonly specifier: string;
    readonly error?: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly code?: { readonly specifier?: string; readonly error?: string };
      readonly type?: { readonly specifier?: string; readonly error?: string };
    }[];
  }[];
}

/** Asks Deno for the graph of `mod.ts` and everything in `src`. */
export async function readGraph(): Promise<Graph> {
  const files = await expand(root, ["mod.ts", "src/**/*.ts"]);
  const folder = `${root}/.cache/test`;
  await Deno.mkdir(folder, { recursive: true });
  const entry = `${folder}/all_modules.ts`;
  await Deno.writeTextFile(entry, files.map((file) => `import "../../${file}";\n`).join(""));
  const child = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: root,
  }).output();
  const text = new TextDecoder();
  if (!child.success) throw new Error(`deno info failed: ${text.decode(child.stderr)}`);
  const { modules } = JSON.parse(text.decode(child.stdout)) as Info;
  const local = (specifier: string) =>
    specifier.startsWith(`file://${root}/`) ? specifier.slice(root.length + 8) : specifier;
  const arrows: Arrow[] = [];
  for (const module of modules) {
    const from = local(module.specifier);
    if (!files.includes(from)) continue;
    if (module.error !== undefined) throw new Error(`${from}: ${module.error}`);
    for (const { specifier, code, type } of module.dependencies ?? []) {
      const targets = [code?.specifier, type?.specifier].filter((one) => one !== undefined);
      const unique = new Set(targets.length > 0 ? targets : [specifier]);
      for (const target of unique) arrows.push({ from, to: local(target) });
    }
  }
  return { files, arrows };
}

/** All that the entries import, directly or not, themselves included. */
export function reachable(graph: Graph, entries: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>(entries);
  for (const file of seen) {
    for (const { from, to } of graph.arrows) if (from === file) seen.add(to);
  }
  return seen;
}

/** The files git tracks or would: what a commit of everything would hold. */
export async function trackedFiles(): Promise<string[]> {
  const git = await runProcess({
    command: "git",
    args: ["ls-files", "--cached", "--others", "--exclude-standard"],
  }, { cwd: root, timeoutMs: 120_000 });
  if (git.code !== 0) throw new Error(`git ls-files failed: ${git.startError ?? git.output}`);
  return git.output.split("\n").filter((line) => line !== "");
}
