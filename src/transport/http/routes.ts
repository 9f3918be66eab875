import { HttpProblem } from "./problem.ts";

/** Where a request goes. */
export type Route =
  | { readonly kind: "process" | "stream"; readonly agent: string | undefined }
  | { readonly kind: "health" | "ready" | "live" | "agents" }
  | { readonly kind: "agent"; readonly agent: string };

const FIXED: Readonly<Record<string, Route>> = {
  "/process": { kind: "process", agent: undefined },
  "/stream": { kind: "stream", agent: undefined },
  "/health": { kind: "health" },
  "/ready": { kind: "ready" },
  "/live": { kind: "live" },
  "/agents": { kind: "agents" },
};

/** The methods that a route takes, as the `Allow` header has them. */
export function allowOf(route: Route): string {
  return route.kind === "process" || route.kind === "stream" ? "POST" : "GET, HEAD";
}

/**
 * Finds the route of a URL.
 *
 * @param basePath What all paths begin with, without a slash at its end.
 * @throws {HttpProblem} 404.
 */
export function routeOf(url: string, basePath: string): Route {
  const full = pathOf(url);
  // With its slash: `/apiconstructor` is not below `/api`.
  const path = full.startsWith(`${basePath}/`) ? full.slice(basePath.length) : undefined;
  const route = path === undefined ? undefined : FIXED[path] ?? agentRoute(path);
  if (route !== undefined) return route;
  throw new HttpProblem(
    404,
    "not_found",
    `There is nothing at ${full}: expected /process, /stream, /agents, /agents/{name}, ` +
      `/agents/{name}/process, /agents/{name}/stream, /health, /ready or /live` +
      (basePath === "" ? "" : ` below ${basePath}`),
  );
}

function agentRoute(path: string): Route | undefined {
  const parts = /^\/agents\/([^/]+)(?:\/(process|stream))?$/.exec(path);
  if (parts === null) return undefined;
  const kind = parts[2] as "process" | "stream" | undefined;
  return { kind: kind ?? "agent", agent: decode(parts[1]!) };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/**
 * The path of a request's URL, without parsing all of it. Slashes that a client
 * wrote twice count once: some peers join `http://host/` and `/process`.
 */
function pathOf(url: string): string {
  // Bun gives the path alone where a client of HTTP/1.0 names no host.
  const start = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("://") + 3);
  if (start < 0) return "/";
  const query = url.indexOf("?", start);
  const path = query < 0 ? url.slice(start) : url.slice(start, query);
  return path.includes("//") ? path.replace(/\/{2,}/g, "/") : path;
}
