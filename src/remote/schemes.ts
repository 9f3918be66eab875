import type { StreamingAgent } from "../core/agent.ts";
import { AgenkitError } from "../core/errors.ts";
import { describe } from "../core/json.ts";
import { type RemoteAgentOptions, sharedOptions } from "./options.ts";
import { has, type Need, runtimeOf } from "./runtime.ts";

/** An agent that may hold connections. */
export type Client = StreamingAgent & { close?(): Promise<void> | void };

/** How the agents at the URLs of one scheme are called. */
export interface Scheme {
  /** What the runtime must have for it. */
  readonly needs: Need;
  /** Whether its calls carry headers. */
  readonly headers: boolean;
  /** How a URL of it looks, for error messages. */
  readonly example: string;
  /** Whether a URL of it is well formed. */
  readonly pattern: RegExp;
  /** Loads the transport and makes the client. */
  load(url: string, options: RemoteAgentOptions): Promise<Client>;
}

/** A host, an IPv6 address in brackets, and perhaps a port and a path. */
const HOST =
  /^[a-z\d+.-]+:\/\/(?:[^@/?#]*@)?(?:\[[\da-f:.]+\]|[^\s:/?#[\]@]+)(?::\d{1,5})?(?:[/?#]|$)/i;

const http: Scheme = {
  needs: "fetch",
  headers: true,
  example: "http://host:8080",
  pattern: HOST,
  async load(url, options) {
    const { httpAgent } = await import("../transport/http/client.ts");
    const { headers } = options;
    return httpAgent(url, { ...sharedOptions(options), ...options.http, headers });
  },
};

const h2c: Scheme = {
  ...http,
  example: "h2c://host:8080",
  async load(url, options) {
    // A browser speaks what it likes.
    if (runtimeOf() !== "server" || options.http?.fetch !== undefined) {
      return await http.load(url, options);
    }
    const { http2Agent } = await import("../transport/http2/client.ts");
    const { headers } = options;
    return http2Agent(url, { ...sharedOptions(options), ...options.http, headers });
  },
};

const h3: Scheme = {
  needs: "HTTP/3",
  headers: true,
  example: "h3://host:8443",
  pattern: HOST,
  async load(url, options) {
    const { http3Agent } = await import("../transport/http3/client.ts");
    const { headers } = options;
    return http3Agent(url, { ...sharedOptions(options), ...options.http, headers });
  },
};

const memory: Scheme = {
  needs: "fetch",
  headers: false,
  example: "memory://address",
  pattern: /^memory:\/\/[a-z0-9._-]+\/?$/i,
  async load(url, options) {
    const { memoryAgent } = await import("../transport/memory/client.ts");
    return memoryAgent(url, { name: options.name });
  },
};

/** Every scheme there is. Each transport is loaded only when one of its URLs is called. */
const SCHEMES: Readonly<Record<string, Scheme>> = { http, https: http, h2c, h3, memory };

/** The schemes that a runtime can call. */
export function schemesOf(scope?: unknown): readonly string[] {
  return Object.keys(SCHEMES).filter((name) => has(SCHEMES[name]!.needs, scope));
}

/**
 * The scheme of a URL.
 *
 * @param scope The globals of the runtime.
 * @throws {TypeError} If it has none, one that is not known, or is not well formed.
 * @throws {AgenkitError} With code `unimplemented`, if the runtime cannot call it.
 */
export function schemeOf(url: string, scope?: unknown): Scheme {
  const name = /^([a-z][a-z\d+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  const scheme = name !== undefined && Object.hasOwn(SCHEMES, name) ? SCHEMES[name] : undefined;
  if (scheme === undefined) {
    throw new TypeError(
      `Cannot call a remote agent as 'url' must begin with ${
        listed(Object.keys(SCHEMES))
      }: current value is ${describe(url)}`,
    );
  }
  if (!has(scheme.needs, scope)) {
    throw new AgenkitError(
      "unimplemented",
      `Cannot call ${url} from ${runtimeOf(scope)}, which has no ${scheme.needs}: expected ${
        listed(schemesOf(scope))
      }`,
    );
  }
  if (scheme.pattern.test(url) && URL.canParse(url)) return scheme;
  throw new TypeError(
    `Cannot call a remote agent as 'url' must be like ${scheme.example}: current value is ${
      describe(url)
    }`,
  );
}

function listed(names: readonly string[]): string {
  return `one of ${names.map((name) => `${name}:`).join(", ")}`;
}
