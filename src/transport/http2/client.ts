import type { StreamingAgent } from "../../core/agent.ts";
import { httpAgent, type HttpAgentOptions } from "../http/client.ts";
import { http2Fetch, type Http2FetchOptions } from "./fetch.ts";

/** Options of {@linkcode http2Agent}. */
export interface Http2AgentOptions extends Omit<HttpAgentOptions, "fetch">, Http2FetchOptions {}

/** An agent that is called over HTTP/2. Leaving the scope of an `await using` closes its connection. */
export interface Http2Agent extends StreamingAgent, AsyncDisposable {
  /** What is spoken: `"h2"`, `"h2c"` or `"http/1.1"`; undefined before the first answer. */
  readonly protocol: string | undefined;
  /** Closes the connection; calls that run end first. */
  close(): Promise<void>;
}

/**
 * Makes an agent of one that is served over HTTP, and calls it over HTTP/2: all
 * calls share one connection. `h2c://` and `http://` speak it in cleartext, by
 * prior knowledge; `https://` as ALPN has it. Servers that have no HTTP/2 are
 * called over HTTP/1.1, as every server of the Python and most of the Go
 * version is.
 *
 * @example
 * ```ts
 * import { agent, message, text } from "@agenkit/agenkit";
 * import { http2Agent } from "@agenkit/agenkit/http2";
 * import { serve } from "@agenkit/agenkit/serve";
 * import assert from "node:assert/strict";
 *
 * await using server = await serve(agent("echo", (m) => `Echo: ${text(m)}`), { port: 0 });
 * await using echo = http2Agent(server.url.replace("http:", "h2c:"));
 * assert.equal(text(await echo.process(message("user", "hello"))), "Echo: hello");
 * assert.equal(echo.protocol, "h2c");
 * ```
 *
 * @throws {TypeError} If the URL is not http(s) or h2c, or an option is not valid.
 */
export function http2Agent(url: string | URL, options: Http2AgentOptions = {}): Http2Agent {
  const fetch = http2Fetch(options);
  const inner = httpAgent(url, { ...options, fetch });
  const address = new URL(String(url).replace(/^h2c:/i, "http:"));
  return {
    name: inner.name,
    ...(inner.capabilities === undefined ? undefined : { capabilities: inner.capabilities }),
    process: (message, call) => inner.process(message, call),
    stream: (message, call) => inner.stream(message, call),
    get protocol() {
      return fetch.protocolOf(address);
    },
    close: fetch.close,
    [Symbol.asyncDispose]: fetch.close,
  };
}
