/** Exports that may not touch `node:` or `Deno`, now or when they come. */
const WEB_SAFE = [
  ".",
  "./http",
  "./http3",
  "./memory",
  "./workers",
  "./testing",
  "./websocket",
  "./rpc",
];

/** Exports that run anywhere, and load what is not for everywhere only when it is asked for. */
const LAZY = ["./remote", "./registry"];

/** The part of `deno.json` that says what the package is made of. */
export interface Config {
  readonly name: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly imports: Readonly<Record<string, string>>;
  readonly tasks?: Readonly<Record<string, unknown>>;
}

/** Reads `deno.json`. */
export async function readConfig(root: string): Promise<Config> {
  return JSON.parse(await Deno.readTextFile(`${root}/deno.json`)) as Config;
}

/** The web-safe exports there are: name to path relative to the repository. */
export function webSafeExports(config: Config): ReadonlyMap<string, string> {
  return pathsOf(WEB_SAFE, config);
}

/** The exports that are web-safe as long as nothing else is asked for: name to path. */
export function lazyExports(config: Config): ReadonlyMap<string, string> {
  return pathsOf(LAZY, config);
}

function pathsOf(names: readonly string[], config: Config): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const name of names) {
    const path = config.exports[name];
    if (path !== undefined) found.set(name, path.replace(/^\.\//, ""));
  }
  return found;
}

/** `deno.json`'s names as bundler aliases: bare specifier to package or path. */
export function aliases(config: Config, root: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, target] of Object.entries(config.imports)) {
    const npm = /^npm:\/?((?:@[^/]+\/)?[^@/]+)(?:@[^/]+)?(\/.*)?$/.exec(target);
    const path = npm ? `${npm[1]}${npm[2] ?? ""}` : `${root}/${target.replace(/^\.\//, "")}`;
    if (path !== name) found[name] = path;
  }
  for (const [name, path] of Object.entries(config.exports)) {
    found[`${config.name}${name.slice(1)}`] = `${root}/${path.replace(/^\.\//, "")}`;
  }
  return found;
}
