/** The folders of `src` and the only ones each may import. */
export const ARROWS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  gen: [],
  compose: ["core"],
  middleware: ["core"],
  tools: ["core"],
  observability: ["core"],
  testing: ["core"],
  protocol: ["core", "gen"],
  transport: ["core", "gen", "protocol"],
  serve: ["core", "protocol", "transport"],
  remote: ["core", "protocol", "transport"],
  registry: ["core", "protocol", "transport", "remote"],
  cli: ["core", "observability", "protocol", "registry", "remote", "serve", "transport"],
};

/** What the root export is made of. */
export const ROOT_LAYERS: readonly string[] = ["core", "compose", "middleware", "tools"];

/** The only places that may touch `Deno` or `node:`. */
export const NATIVE: readonly RegExp[] = [
  /^src\/transport\/(?:grpc|http2|socket)\//,
  /^src\/serve\//,
  /^src\/cli\//,
];

/** Minified and gzipped size of the root export, in bytes. */
export const ROOT_BUDGET = 40_000;

/** The folder of `src` a file belongs to; `undefined` for files outside. */
export function layerOf(file: string): string | undefined {
  return /^src\/([^/]+)\//.exec(file)?.[1];
}
