import type { CommonTransportOptions } from "@connectrpc/connect/protocol";
import { createTransport as createConnectTransport } from "@connectrpc/connect/protocol-connect";
import { createTransport as createGrpcWebTransport } from "@connectrpc/connect/protocol-grpc-web";
import type { StreamingAgent } from "../../core/agent.ts";
import { describe } from "../../core/json.ts";
import { checkFunction } from "../../core/options.ts";
import { refuseCredentials, shownUrl } from "../url.ts";
import { gzip } from "./compression.ts";
import { type Fetch, fetchClient } from "./fetch_client.ts";
import { connectTimeout, grpcTimeout } from "./deadlines.ts";
import { libraryTransport } from "./library_transport.ts";
import { checkRpcOptions, type RpcClientOptions } from "./client_options.ts";
import { RpcAgent } from "./rpc_agent.ts";
import { RpcCaller } from "./rpc_caller.ts";

/** Options of {@linkcode rpcAgent}. */
export interface RpcAgentOptions extends RpcClientOptions {
  /** Which protocol to speak. @default {"connect"} */
  readonly protocol?: "connect" | "grpc-web" | undefined;
  /** What sends requests. @default {fetch} */
  readonly fetch?: Fetch | undefined;
}

const ACTION = "call over RPC";

/**
 * Makes an agent of one that is served over Connect or gRPC-Web, on any
 * runtime with `fetch`, browsers included. Calling it is like calling a local
 * one: aborting the signal or breaking out of a stream cancels the RPC, the
 * deadline travels along, and errors keep their code.
 *
 * @example
 * ```ts
 * import { agent, message, text } from "@agenkit/agenkit";
 * import { rpcAgent } from "@agenkit/agenkit/rpc";
 * import { serve } from "@agenkit/agenkit/serve";
 * import assert from "node:assert/strict";
 *
 * await using server = await serve(agent("echo", (m) => `Echo: ${text(m)}`), { port: 0 });
 * const echo = rpcAgent(server.url, { protocol: "grpc-web" });
 * assert.equal(text(await echo.process(message("user", "hello"))), "Echo: hello");
 * ```
 *
 * @param url Where it is served; a path prefix is kept.
 * @throws {TypeError} If the URL is not http(s), or an option is not valid.
 */
export function rpcAgent(url: string | URL, options: RpcAgentOptions = {}): StreamingAgent {
  const parsed = parseUrl(url);
  const checked = checkRpcOptions(ACTION, options);
  const { protocol = "connect" } = options;
  if (protocol !== "connect" && protocol !== "grpc-web") {
    throw new TypeError(
      `Cannot ${ACTION} as 'protocol' must be "connect" or "grpc-web": current value is ${
        describe(protocol)
      }`,
    );
  }
  checkFunction(ACTION, "fetch", options.fetch);
  const common: CommonTransportOptions = {
    // Called with no receiver: browsers and Workers refuse a bare method of something else.
    httpClient: fetchClient(options.fetch ?? ((input, init) => fetch(input, init))),
    baseUrl: (parsed.origin + parsed.pathname).replace(/\/+$/, ""),
    useBinaryFormat: true,
    interceptors: [],
    acceptCompression: inBrowser() ? [] : [gzip],
    sendCompression: checked.compression ? gzip : null,
    compressMinBytes: 1024,
    readMaxBytes: checked.maxBytes,
    writeMaxBytes: checked.maxBytes,
  };
  const [transport, timeoutHeader] = protocol === "connect"
    ? [createConnectTransport(common), connectTimeout]
    : [createGrpcWebTransport(common), grpcTimeout];
  const carrier = libraryTransport(transport);
  const caller = new RpcCaller(parsed, carrier, timeoutHeader, checked);
  return new RpcAgent(caller);
}

/**
 * Whether a web page is what calls. HTTP compresses for it by itself, and what
 * gRPC-Web says of compression is a header that servers would have to allow.
 */
function inBrowser(): boolean {
  return "document" in globalThis || "importScripts" in globalThis;
}

function parseUrl(url: string | URL): URL {
  const parsed = URL.canParse(String(url)) ? new URL(String(url)) : undefined;
  if (parsed?.protocol === "http:" || parsed?.protocol === "https:") {
    refuseCredentials(ACTION, parsed);
    return parsed;
  }
  throw new TypeError(
    `Cannot ${ACTION} as 'url' must be an http:// or https:// URL: current value is ${
      describe(shownUrl(url))
    }`,
  );
}
