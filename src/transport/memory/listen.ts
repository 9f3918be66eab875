import { AgenkitError } from "../../core/errors.ts";
import { NOT_BEGUN } from "../../core/begun.ts";
import { describe } from "../../core/json.ts";
import type { Agents } from "../directory.ts";
import { shownUrl } from "../url.ts";
import { type MemoryHandler, memoryHandler, type MemoryHandlerOptions } from "./server.ts";

/** Agents that this process offers at a `memory:` URL. */
export interface MemoryListener extends Disposable {
  /** Where `memoryAgent` and `remoteAgent` find them, such as `memory://worker-1`. */
  readonly url: string;
  /** Gives the address up: later calls are `unavailable`, those that run go on. May be called often. */
  close(): void;
}

/** Who listens where. It belongs to the process, as the ports of a machine do. */
const listeners = new Map<string, MemoryHandler>();

/**
 * Offers agents at an address within this process, for tests of whatever
 * works with URLs, such as a registry, and on runtimes that cannot listen.
 *
 * @example
 * ```ts
 * import { agent, message, text } from "@agenkit/agenkit";
 * import { listenMemory, memoryAgent } from "@agenkit/agenkit/memory";
 * import assert from "node:assert/strict";
 *
 * const listener = listenMemory("echo-1", agent("echo", (m) => `Echo: ${text(m)}`));
 * const echo = memoryAgent("memory://echo-1");
 * assert.equal(text(await echo.process(message("user", "hello"))), "Echo: hello");
 * listener.close();
 * await assert.rejects(echo.process(message("user", "hello")), { code: "unavailable" });
 * ```
 *
 * @param address What stands for the host: letters, digits, `.`, `_` and `-`.
 * @throws {TypeError} If the address cannot be one, there is no agent, or an option is of a wrong type.
 * @throws {RangeError} If an option is out of bounds.
 * @throws {AgenkitError} With code `already_exists`, if somebody listens there.
 */
export function listenMemory(
  address: string,
  agents: Agents,
  options: MemoryHandlerOptions = {},
): MemoryListener {
  if (typeof address !== "string" || !/^[a-z0-9._-]+$/i.test(address)) {
    throw new TypeError(
      `Cannot listen in memory as 'address' must be letters, digits, '.', '_' and '-': current ` +
        `value is ${describe(address)}`,
    );
  }
  const key = address.toLowerCase();
  const handler = memoryHandler(agents, options);
  if (listeners.has(key)) {
    throw new AgenkitError("already_exists", `Cannot listen at memory://${key}: it is taken`);
  }
  listeners.set(key, handler);
  const close = () => {
    if (listeners.get(key) === handler) listeners.delete(key);
  };
  return { url: `memory://${key}`, close, [Symbol.dispose]: close };
}

/**
 * The handler that answers at a URL, looked up at each call: who listens may change.
 *
 * @throws {TypeError} If it is no `memory:` URL.
 */
export function handlerAt(url: string | URL): MemoryHandler {
  const parts = /^memory:\/\/([a-z0-9._-]+)\/?$/i.exec(String(url));
  if (parts === null) {
    throw new TypeError(
      `Cannot call in memory as 'url' must be like memory://address: current value is ${
        describe(shownUrl(url))
      }`,
    );
  }
  const key = parts[1]!.toLowerCase();
  return async function* (request, call) {
    const handler = listeners.get(key);
    if (handler === undefined) {
      throw new AgenkitError("unavailable", `Nobody listens at memory://${key} in this process`, {
        details: NOT_BEGUN,
      });
    }
    yield* handler(request, call);
  };
}
