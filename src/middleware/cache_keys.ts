import { type CallOptions, NO_OPTIONS } from "../core/call.ts";
import type { Message } from "../core/message.ts";
import { checkFunction } from "../core/options.ts";
import { canonicalKey } from "./cache_key.ts";
import type { CacheOptions } from "./cache_options.ts";

/** Under which keys the answers of one agent are kept: those of `process` are no use to `stream`. */
export interface Prefixes {
  readonly process: string;
  readonly stream: string;
}

/**
 * Makes the keys of one `cache` value: the agent, the tenant and what is asked.
 * Each part says how long it is, so that no two calls can be mixed up.
 */
export class CacheKeys {
  readonly #key: CacheOptions["key"];
  readonly #tenant: CacheOptions["tenant"];
  readonly #prefixes = new Set<string>();

  constructor({ key, tenant }: CacheOptions) {
    checkFunction("cache", "key", key);
    checkFunction("cache", "tenant", tenant);
    this.#key = key;
    this.#tenant = tenant;
  }

  /** Makes an agent known. Agents of one name share their answers. */
  adopt(agent: string): Prefixes {
    const name = `${agent.length}:${agent}`;
    const prefixes = { process: `process:${name}`, stream: `stream:${name}` };
    this.#prefixes.add(prefixes.process).add(prefixes.stream);
    return prefixes;
  }

  /** Who a call is for. */
  tenantOf(request: Message, call: CallOptions = NO_OPTIONS): string | undefined {
    return this.#tenant?.(request, call);
  }

  /** The key of a call, or `undefined` if it has none and so cannot be cached. */
  of(prefix: string, request: Message, call: CallOptions = NO_OPTIONS): string | undefined {
    try {
      const own = this.#key === undefined ? canonicalKey(request) : this.#key(request, call);
      if (typeof own !== "string") return undefined;
      if (this.#tenant === undefined) return `${prefix}-${own}`;
      const tenant: unknown = this.#tenant(request, call);
      if (tenant === undefined) return `${prefix}-${own}`;
      return typeof tenant === "string" ? `${prefix}+${tenant.length}:${tenant}${own}` : undefined;
    } catch {
      // What cannot be told apart must not be mixed up: such a call is not cached.
      return undefined;
    }
  }

  /** All keys under which a request may be kept, of all agents. */
  all(request: Message, call: CallOptions | undefined): string[] {
    const keys: string[] = [];
    for (const prefix of this.#prefixes) {
      const key = this.of(prefix, request, call);
      if (key !== undefined) keys.push(key);
    }
    return keys;
  }
}
