/** What a transport needs of the runtime it runs on. */
export type Need = "fetch" | "sockets" | "HTTP/3";

interface Scope {
  readonly Bun?: unknown;
  readonly navigator?: { readonly userAgent?: string };
  readonly process?: { readonly versions?: { readonly node?: string } };
}

/** Which kind of runtime this is, as far as it matters here. */
export function runtimeOf(scope: unknown = globalThis): "server" | "Workers" | "a browser" {
  const { navigator, process } = scope as Scope;
  // Workers may well have a `process` that looks like Node's.
  if (navigator?.userAgent === "Cloudflare-Workers") return "Workers";
  return process?.versions?.node === undefined ? "a browser" : "server";
}

/** Whether the runtime has what a transport needs. */
export function has(need: Need, scope: unknown = globalThis): boolean {
  if (need === "HTTP/3") return (scope as Scope).Bun !== undefined;
  return need === "fetch" || runtimeOf(scope) === "server";
}
