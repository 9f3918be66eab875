import type { StreamingAgent } from "../../core/agent.ts";
import { describe } from "../../core/json.ts";
import type { Message } from "../../core/message.ts";
import { checkLimit } from "../../core/options.ts";
import { grpcTimeout } from "../rpc/deadlines.ts";
import { checkRpcOptions, type RpcClientOptions } from "../rpc/client_options.ts";
import { RpcAgent } from "../rpc/rpc_agent.ts";
import { RpcCaller } from "../rpc/rpc_caller.ts";
import { checkClientTls, type ClientTlsOptions } from "../tls.ts";
import { refuseCredentials, shownUrl } from "../url.ts";
import { converse, type ConverseOptions } from "./converse.ts";
import { GrpcTransport } from "./transport.ts";

/** Options of {@linkcode grpcAgent}. */
export interface GrpcAgentOptions extends RpcClientOptions {
  /** What TLS needs beyond what the machine trusts; only for `grpcs:`. */
  readonly tls?: ClientTlsOptions | undefined;
  /**
   * After how many quiet milliseconds a connection is asked whether it lives.
   * Servers punish more than one question in 5 minutes unless they are told
   * otherwise. @default {Infinity}
   */
  readonly keepaliveMs?: number | undefined;
  /** How long the answer to that may take, in milliseconds. @default {15000} */
  readonly keepaliveTimeoutMs?: number | undefined;
  /** How long a connection without calls is kept, in milliseconds. @default {900000} */
  readonly idleTimeoutMs?: number | undefined;
}

/** An agent over gRPC, with the connection that its calls share. */
export interface GrpcAgent extends StreamingAgent, AsyncDisposable {
  /** What the remote agent can do, as far as that was said. */
  readonly capabilities: readonly string[];
  /**
   * Sends message after message over one RPC and yields their answers in the
   * same order. Several may be on their way at once. The first failure ends it.
   * Python and Go servers do not offer it: `unimplemented`.
   */
  converse(
    messages: AsyncIterable<Message> | Iterable<Message>,
    call?: ConverseOptions,
  ): AsyncGenerator<Message, void, undefined>;
  /** Closes the connection: calls that run on it fail. The next call makes a new one. */
  close(): void;
}

const ACTION = "call over gRPC";

/** Where gRPC servers of agents listen when nobody says otherwise. */
const DEFAULT_PORT = "50051";

/** How long a server may take to accept a connection and say its HTTP/2 settings. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Makes an agent of one that is served over gRPC, in whatever language. All
 * its calls share one connection, made with the first of them and made anew
 * when it was lost. Aborting the signal or breaking out of a stream cancels
 * the RPC, the deadline travels along, and errors keep their code.
 *
 * @example
 * ```ts
 * import { agent, collect, message, text } from "@agenkit/agenkit";
 * import { grpcAgent, serveGrpc } from "@agenkit/agenkit/grpc";
 * import assert from "node:assert/strict";
 *
 * const counting = agent({
 *   name: "counting",
 *   process: () => "1 2",
 *   async *stream() {
 *     yield "1 ";
 *     yield "2";
 *   },
 * });
 * await using server = await serveGrpc(counting, { port: 0 });
 * await using remote = grpcAgent(server.url);
 * const chunks = await collect(remote.stream(message("user", "count")));
 * assert.deepEqual(chunks.map(text), ["1 ", "2"]);
 * ```
 *
 * @param url `grpc://host:50051` or, with TLS, `grpcs://host:50051`; `http:` and `https:` mean the same.
 * @throws {TypeError} If the URL is none of these, or an option is not valid.
 */
export function grpcAgent(url: string | URL, options: GrpcAgentOptions = {}): GrpcAgent {
  return new GrpcClient(url, options);
}

class GrpcClient extends RpcAgent implements GrpcAgent {
  readonly #transport: GrpcTransport;
  readonly #caller: RpcCaller;

  constructor(url: string | URL, options: GrpcAgentOptions) {
    const { place, base } = parseUrl(url);
    const checked = checkRpcOptions(ACTION, options);
    const limit = (name: string, value: number) => checkLimit(ACTION, name, value);
    const transport = new GrpcTransport(base, {
      tls: tlsOf(options, base),
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      idleMs: limit("idleTimeoutMs", options.idleTimeoutMs ?? 900_000),
      keepaliveMs: limit("keepaliveMs", options.keepaliveMs ?? Infinity),
      pingTimeoutMs: limit("keepaliveTimeoutMs", options.keepaliveTimeoutMs ?? 15_000),
    }, checked);
    const caller = new RpcCaller(place, transport, grpcTimeout, checked);
    super(caller);
    this.#caller = caller;
    this.#transport = transport;
  }

  converse(
    messages: AsyncIterable<Message> | Iterable<Message>,
    call?: ConverseOptions,
  ): AsyncGenerator<Message, void, undefined> {
    return converse(this.#caller, this.#transport, messages, call);
  }

  close(): void {
    this.#transport.cut();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

function tlsOf({ tls }: GrpcAgentOptions, base: string) {
  if (tls !== undefined && !base.startsWith("https:")) {
    throw new TypeError(`Cannot ${ACTION} as 'tls' needs a grpcs:// URL: current value is ${base}`);
  }
  return checkClientTls(ACTION, tls);
}

const SCHEMES: Readonly<Record<string, string>> = {
  "grpc:": "http:",
  "grpcs:": "https:",
  "http:": "http:",
  "https:": "https:",
};

/** Where a URL leads: as it was given, and as HTTP calls it. */
function parseUrl(url: string | URL): { place: URL; base: string } {
  const place = URL.canParse(String(url)) ? new URL(String(url)) : undefined;
  const protocol = place === undefined ? undefined : SCHEMES[place.protocol];
  if (place === undefined || protocol === undefined || place.host === "") {
    throw new TypeError(
      `Cannot ${ACTION} as 'url' must be like grpc://host:50051 or grpcs://host:50051: ` +
        `current value is ${describe(shownUrl(url))}`,
    );
  }
  refuseCredentials(ACTION, place);
  // `host` of a scheme that URL does not know keeps brackets and port as they are.
  const own = place.protocol.startsWith("grpc");
  const host = own && place.port === "" ? `${place.host}:${DEFAULT_PORT}` : place.host;
  return { place, base: `${protocol}//${host}` };
}
