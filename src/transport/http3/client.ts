import type { StreamingAgent } from "../../core/agent.ts";
import { describe } from "../../core/json.ts";
import { httpAgent, type HttpAgentOptions } from "../http/client.ts";
import { shownUrl } from "../url.ts";
import { http3Fetch, type Http3FetchOptions } from "./fetch.ts";

/** Options of {@linkcode http3Agent}. */
export interface Http3AgentOptions
  extends Omit<HttpAgentOptions, "fetch" | "clock">, Http3FetchOptions {}

/** An agent that is called over HTTP/3. */
export interface Http3Agent extends StreamingAgent {
  /** Whether the next call goes over HTTP/3. */
  readonly speaksHttp3: boolean;
}

/**
 * Makes an agent of one that is served over HTTP/3, on Bun. `h3://` and
 * `https://` mean the same; with `use: "announced"` calls go over TCP until the
 * server has announced HTTP/3 and answered there.
 *
 * @example
 * ```ts
 * import { agent, message, text } from "@agenkit/agenkit";
 * import { httpHandler } from "@agenkit/agenkit/http";
 * import { http3Agent } from "@agenkit/agenkit/http3";
 * import assert from "node:assert/strict";
 *
 * // On Bun without `fetch`. Here a handler stands for the network.
 * const handler = httpHandler(agent("echo", (m) => `Echo: ${text(m)}`));
 * const echo = http3Agent("h3://agents.example", {
 *   fetch: (url, { protocol, ...init }) => {
 *     assert.equal(protocol, "http3");
 *     return handler(new Request(url, init));
 *   },
 * });
 * assert.equal(text(await echo.process(message("user", "hello"))), "Echo: hello");
 * ```
 *
 * @throws {TypeError} If the URL is not h3 or https, or an option is not valid.
 * @throws {AgenkitError} With code `unimplemented`, on runtimes whose fetch has no HTTP/3.
 */
export function http3Agent(url: string | URL, options: Http3AgentOptions = {}): Http3Agent {
  const address = String(url).replace(/^h3:\/\//i, "https://");
  if (!/^https:\/\//i.test(address)) {
    throw new TypeError(
      `Cannot call over HTTP/3 as 'url' must be an h3:// or https:// URL: current value is ${
        describe(shownUrl(url))
      }`,
    );
  }
  const fetch = http3Fetch(options);
  const inner = httpAgent(address, { ...options, fetch });
  return {
    name: inner.name,
    ...(inner.capabilities === undefined ? undefined : { capabilities: inner.capabilities }),
    process: (message, call) => inner.process(message, call),
    stream: (message, call) => inner.stream(message, call),
    get speaksHttp3() {
      return fetch.speaksHttp3(address);
    },
  };
}
