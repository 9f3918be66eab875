/** Tells whether a path fits a glob of `*`, `**` and plain text. */
export function matches(path: string, glob: string): boolean {
  return toRegExp(glob).test(path);
}

/** All files under `root` that fit one of the globs, sorted, as relative paths. */
export async function expand(
  root: string,
  globs: readonly string[],
): Promise<string[]> {
  const found = new Set<string>();
  for (const glob of globs) {
    const fixed = glob.split("*", 1)[0] ?? "";
    const start = fixed.slice(0, fixed.lastIndexOf("/") + 1).replace(/\/$/, "");
    const pattern = toRegExp(glob);
    for await (const path of walk(root, glob === fixed ? glob : start)) {
      if (pattern.test(path)) found.add(path);
    }
  }
  return [...found].sort();
}

function toRegExp(glob: string): RegExp {
  const source = glob.split(/(\*\*\/|\*\*|\*)/).map((part) => {
    if (part === "**/") return "(?:[^/]+/)*";
    if (part === "**") return ".*";
    if (part === "*") return "[^/]*";
    return part.replace(/[.+?^${}()|[\]\\]/g, "\\$&");
  });
  return new RegExp(`^${source.join("")}$`);
}

async function* walk(root: string, path: string): AsyncGenerator<string> {
  let info: Deno.FileInfo;
  try {
    info = await Deno.stat(path === "" ? root : `${root}/${path}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  if (info.isFile) {
    yield path;
    return;
  }
  for await (
    const entry of Deno.readDir(path === "" ? root : `${root}/${path}`)
  ) {
    if (entry.name.startsWith(".") || entry.name === "node_modules") continue;
    yield* walk(root, path === "" ? entry.name : `${path}/${entry.name}`);
  }
}
