import { abortable } from "../core/abortable.ts";
import type { StreamingAgent } from "../core/agent.ts";
import { NOT_BEGUN } from "../core/begun.ts";
import type { CallOptions } from "../core/call.ts";
import { AgenkitError } from "../core/errors.ts";
import { describe } from "../core/json.ts";
import type { Message } from "../core/message.ts";
import { throwIfAborted } from "../core/signals.ts";
import { shownUrl } from "../transport/url.ts";
import { checkRemoteOptions, type RemoteAgentOptions } from "./options.ts";
import { transportOf } from "./schemes.ts";
import type { Client, Transport } from "./transports.ts";

/** An agent somewhere else. Leaving the scope of an `await using` closes it. */
export interface RemoteAgent extends StreamingAgent, AsyncDisposable {
  /** What the remote agent can do, as far as that was said. */
  readonly capabilities: readonly string[];
  /** Where it is, as it was given. */
  readonly url: string;
  /** Closes its connections: calls that run on them fail, and so do later ones. May be called often. */
  close(): Promise<void>;
}

/**
 * Makes an agent of one that is somewhere else, over what its URL says:
 *
 * | URL | what it speaks |
 * |---|---|
 * | `http://host:8080/prefix`, `https:` | HTTP, with server-sent events for streams |
 * | `h2c://host:8080` | the same over HTTP/2 without TLS, or HTTP/1.1 with peers that know no better |
 * | `h3://host:8443` | the same over HTTP/3, on Bun |
 * | `ws://host:8080`, `wss:` | WebSocket, also with Python and Go |
 * | `connect+http://host:8080`, `grpc-web+http:`, both with `https:` | Connect, gRPC-Web |
 * | `grpc://host:50051`, `grpcs:` | gRPC, on Deno, Bun and Node |
 * | `tcp://host:9000`, `tcps:`, `unix:///path` | envelopes over a socket, on Deno, Bun and Node |
 * | `memory://address` | the codec, with a `listenMemory` of this process |
 *
 * The transport is loaded with the first call, and no other one is. IPv6
 * addresses stand in brackets: `http://[::1]:8080`.
 *
 * @example
 * ```ts
 * import { agent, message, text } from "@agenkit/agenkit";
 * import { remoteAgent } from "@agenkit/agenkit/remote";
 * import { serve } from "@agenkit/agenkit/serve";
 * import assert from "node:assert/strict";
 *
 * await using server = await serve(agent("echo", (m) => `Echo: ${text(m)}`), { port: 0 });
 * await using echo = remoteAgent(server.url);
 * assert.equal(text(await echo.process(message("user", "hello"))), "Echo: hello");
 * ```
 *
 * @throws {TypeError} If the URL is none or holds a password, its scheme is not known, or an option is not valid.
 * @throws {RangeError} If an option or the port is out of bounds, or a path is too long for a socket.
 * @throws {AgenkitError} With code `unimplemented`, if this runtime cannot call such a URL.
 */
export function remoteAgent(url: string | URL, options: RemoteAgentOptions = {}): RemoteAgent {
  return new LazyAgent(url, options);
}

class LazyAgent implements RemoteAgent {
  readonly name: string;
  readonly capabilities: readonly string[];
  readonly url: string;
  readonly #transport: Transport;
  readonly #options: RemoteAgentOptions;
  #client: Client | undefined;
  #loading: Promise<Client> | undefined;
  #closing: Promise<void> | undefined;

  constructor(url: string | URL, options: RemoteAgentOptions) {
    if (typeof url !== "string" && !(url instanceof URL)) {
      throw new TypeError(`Cannot call a remote agent: expected a URL, got ${describe(url)}`);
    }
    this.url = String(url);
    this.#transport = transportOf(this.url);
    const { name, capabilities } = checkRemoteOptions(options);
    checkHeaders(this.url, options.headers, this.#transport);
    this.#options = options;
    this.name = name ?? placeOf(this.url);
    this.capabilities = capabilities;
  }

  async process(message: Message, call?: CallOptions): Promise<Message> {
    return await (this.#client ?? await this.#load(call)).process(message, call);
  }

  async *stream(message: Message, call?: CallOptions): AsyncGenerator<Message, void, undefined> {
    yield* (this.#client ?? await this.#load(call)).stream(message, call);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#client = undefined;
    const client = await this.#loading?.catch(() => undefined);
    await client?.close?.();
  }

  #load(call: CallOptions | undefined): Promise<Client> {
    throwIfAborted(call);
    if (this.#closing !== undefined) {
      throw new AgenkitError(
        "failed_precondition",
        `Cannot call ${shownUrl(this.url)}: it was closed`,
        {
          details: NOT_BEGUN,
        },
      );
    }
    this.#loading ??= this.#make();
    return call?.signal === undefined ? this.#loading : abortable(this.#loading, call.signal);
  }

  async #make(): Promise<Client> {
    try {
      const client = await this.#transport.load(this.url, this.#options);
      if (this.#closing === undefined) this.#client = client;
      return client;
    } catch (error) {
      // A module that could not be fetched may be there the next time.
      this.#loading = undefined;
      throw error;
    }
  }
}

function checkHeaders(
  url: string,
  headers: RemoteAgentOptions["headers"],
  { headers: carries }: Transport,
): void {
  if (headers === undefined || carries === "call") return;
  if (carries === "none") {
    throw new TypeError(`Cannot call ${shownUrl(url)} with 'headers': this transport has none`);
  }
  if (typeof headers !== "function") return;
  throw new TypeError(
    `Cannot call ${
      shownUrl(url)
    } with a function for 'headers': expected the headers themselves, since they ` +
      "belong to a connection and not to a call",
  );
}

/** The host of a URL with its port, or the path of a socket. */
function placeOf(url: string): string {
  if (/^unix:/i.test(url)) return url.slice("unix://".length);
  // Not by URL: it takes no zone of an IPv6 address.
  if (/^tcps?:/i.test(url)) return url.replace(/^.*?\/\/|\/$/g, "");
  return new URL(url).host;
}
