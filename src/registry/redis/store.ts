import { describe } from "../../core/json.ts";
import { checkFunction, checkOptions } from "../../core/options.ts";
import { checkClientTls, type ClientTlsOptions, nodeTlsOptions } from "../../transport/tls.ts";
import { shownUrl } from "../../transport/url.ts";
import type { InstanceKey, Registration } from "../registration.ts";
import type { RegistryStore, StoreChange, StoredRegistration } from "../store.ts";
import { type ClientOptions, Connection } from "./connection.ts";
import { memberOf, readChange, readMember, readRegistration, writeChange } from "./format.ts";
import { FORGET, PUT, REMOVE, TOUCH } from "./scripts.ts";

/** Options of {@linkcode redisStore}. */
export interface RedisStoreOptions {
  /**
   * Where the server is: `redis://[[user][:password]@]host[:port][/database]`,
   * or `rediss:` for TLS.
   *
   * @default {"redis://127.0.0.1:6379"}
   */
  readonly url?: string | URL | undefined;
  /** Begins all keys: registries with another one do not see each other. @default {"agenkit"} */
  readonly prefix?: string | undefined;
  /** How the server is checked, for `rediss:`. */
  readonly tls?: ClientTlsOptions | undefined;
  /** Where chance comes from: numbers from 0, below 1. @default {Math.random} */
  readonly random?: (() => number) | undefined;
}

/** A store in Redis, which holds two connections. */
export interface RedisStore extends RegistryStore, AsyncDisposable {
  /** Closes the connections. */
  close(): Promise<void>;
}

/**
 * Makes a store in Redis (6 or later, Valkey as well), so that several
 * processes share one registry. Each registration is a key that expires by
 * itself, by the server's own clock: those of the processes need not agree.
 * Changes are told over pub/sub; what was missed while a connection was down
 * is made up for afterwards.
 *
 * Connects when it is first used. While the server cannot be reached,
 * everything rejects at once; a registry goes on with what it knows.
 *
 * @example
 * ```ts ignore
 * import { agentRegistry } from "@agenkit/agenkit/registry";
 * import { redisStore } from "@agenkit/agenkit/registry/redis";
 *
 * await using store = redisStore({ url: "redis://127.0.0.1:6379" });
 * await using registry = agentRegistry({ store });
 * await registry.register({ name: "echo", endpoint: "http://10.0.0.7:8080" });
 * ```
 *
 * @throws {TypeError} If an option is not valid.
 */
export function redisStore(options: RedisStoreOptions = {}): RedisStore {
  return new Store(options);
}

const ACTION = "keep registrations in Redis";

/** How many keys one command asks for. */
const CHUNK = 500;

class Store implements RedisStore {
  readonly #options: ClientOptions;
  readonly #random: () => number;
  readonly #base: string;
  readonly #index: string;
  readonly #channel: string;
  readonly #commands: Connection;
  #subscriber: Connection | undefined;
  #subscribed: Promise<void> | undefined;
  readonly #listeners = new Set<(change: StoreChange) => void>();

  constructor(options: RedisStoreOptions) {
    const { url = "redis://127.0.0.1:6379", prefix = "agenkit", tls, random = Math.random } =
      checkOptions(ACTION, options);
    checkFunction(ACTION, "random", random);
    const { protocol } = URL.canParse(String(url)) ? new URL(String(url)) : { protocol: "" };
    if (protocol !== "redis:" && protocol !== "rediss:") {
      throw new TypeError(
        `Cannot ${ACTION} as 'url' must be a redis:// or rediss:// URL: current value is ${
          // It may hold a password.
          describe(shownUrl(url))}`,
      );
    }
    if (typeof prefix !== "string" || prefix === "" || /[{}]/.test(prefix)) {
      throw new TypeError(
        `Cannot ${ACTION} as 'prefix' must be a non-empty string without braces: current value ` +
          `is ${describe(prefix)}`,
      );
    }
    if (tls !== undefined && protocol !== "rediss:") {
      throw new TypeError(`Cannot ${ACTION} as 'tls' needs a rediss:// URL`);
    }
    this.#options = {
      url: String(url),
      ...(tls === undefined
        ? undefined
        : { socket: { tls: true, ...nodeTlsOptions(checkClientTls(ACTION, tls)) } }),
    };
    this.#random = random;
    // In braces, so that in a cluster all keys are on one node.
    this.#base = `{${prefix}}:agent:`;
    this.#index = `{${prefix}}:agents`;
    this.#channel = `{${prefix}}:changes`;
    this.#commands = new Connection(this.#options, random);
  }

  async put(registration: Registration): Promise<void> {
    await this.#run(PUT, registration, [
      JSON.stringify(registration),
      milliseconds(registration.timeoutMs),
      memberOf(registration),
      this.#channel,
      writeChange({ put: registration }),
    ]);
  }

  async touch(key: InstanceKey, timeoutMs: number): Promise<boolean> {
    return await this.#run(TOUCH, key, [milliseconds(timeoutMs), memberOf(key)]) === 1;
  }

  async remove({ name, instance }: InstanceKey): Promise<boolean> {
    const key = { name, instance };
    const told = writeChange({ remove: key });
    return await this.#run(REMOVE, key, [memberOf(key), this.#channel, told]) === 1;
  }

  async list(name?: string): Promise<readonly StoredRegistration[]> {
    const members = await this.#members(name);
    const found: StoredRegistration[] = [];
    const missing: InstanceKey[] = [];
    for (let i = 0; i < members.length; i += CHUNK) {
      const keys = members.slice(i, i + CHUNK);
      const client = await this.#commands.client();
      // Commands that are given in one turn are sent together.
      const [values, ...lives] = await Promise.all([
        client.sendCommand(["MGET", ...keys.map((key) => this.#keyOf(key))]),
        ...keys.map((key) => client.sendCommand(["PTTL", this.#keyOf(key)])),
      ]) as unknown as [unknown[], ...unknown[]];
      keys.forEach((key, j) => {
        const left = Number(lives[j]);
        if (values[j] === null || left === -2) return missing.push(key);
        const registration = readRegistration(values[j]);
        if (registration === undefined) return;
        // One without an end was not put there by this store.
        found.push({ registration, expiresInMs: left < 0 ? registration.timeoutMs : left });
      });
    }
    // So that the index does not grow where nobody prunes; nobody has to wait for it.
    if (missing.length > 0) this.#forget(missing).catch(() => {});
    return found;
  }

  async prune(): Promise<readonly InstanceKey[]> {
    const members = await this.#members();
    const gone: InstanceKey[] = [];
    for (let i = 0; i < members.length; i += CHUNK) {
      gone.push(...await this.#forget(members.slice(i, i + CHUNK)));
    }
    return gone;
  }

  async watch(listener: (change: StoreChange) => void): Promise<() => Promise<void>> {
    await (this.#subscribed ??= this.#subscribe().catch((error) => {
      this.#subscribed = undefined;
      throw error;
    }));
    // A function of its own, so that one listener may watch twice.
    const own = (change: StoreChange) => listener(change);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
      return Promise.resolve();
    };
  }

  close(): Promise<void> {
    this.#listeners.clear();
    this.#commands.close();
    this.#subscriber?.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #subscribe(): Promise<void> {
    this.#subscriber ??= new Connection(this.#options, this.#random, {
      onLost: (error) => this.#tell({ type: "lost", error }),
      onRestored: () => this.#tell({ type: "restored" }),
    });
    const client = await this.#subscriber.client();
    await client.subscribe(this.#channel, (message) => {
      const change = readChange(message);
      if (change !== undefined) this.#tell(change);
    });
  }

  /** Drops those from the index that have expired; tells which. */
  async #forget(keys: readonly InstanceKey[]): Promise<readonly InstanceKey[]> {
    const dropped = await Promise.all(keys.map((key) => this.#run(FORGET, key, [memberOf(key)])));
    return keys.filter((_, i) => dropped[i] === 1);
  }

  async #members(name?: string): Promise<InstanceKey[]> {
    const client = await this.#commands.client();
    const members = await client.sendCommand(["SMEMBERS", this.#index]) as unknown;
    return [...members as Iterable<unknown>].map(readMember)
      .filter((key) => key !== undefined)
      .filter((key) => name === undefined || key.name === name);
  }

  async #run(script: string, key: InstanceKey, args: readonly string[]): Promise<unknown> {
    const client = await this.#commands.client();
    return await client.sendCommand([
      "EVAL",
      script,
      "2",
      this.#keyOf(key),
      this.#index,
      ...args,
    ]);
  }

  #keyOf(key: InstanceKey): string {
    return this.#base + memberOf(key);
  }

  #tell(change: StoreChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

function milliseconds(ms: number): string {
  return String(Math.max(1, Math.ceil(ms)));
}
