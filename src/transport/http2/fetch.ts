import { abortable } from "../../core/abortable.ts";
import { checkLimit } from "../../core/options.ts";
import { checkClientTls, type ClientTlsOptions } from "../tls.ts";
import { toRequestBody } from "./body.ts";
import type { ConnectionOptions, Http2Connection } from "./connection.ts";
import { toNodeHeaders } from "./headers.ts";
import { Http1Pool } from "./http1.ts";
import { type Http2Request, NotProcessedError, sendRequest } from "./request.ts";
import { SharedConnection } from "./shared_connection.ts";

/** Options of {@linkcode http2Fetch}. */
export interface Http2FetchOptions {
  /** What `https` servers are verified against, and the client's own certificate. */
  readonly tls?: ClientTlsOptions | undefined;
  /**
   * How long a server may take to say its HTTP/2 settings, and after a call was
   * given up to show that it still lives, in milliseconds. @default {10000}
   */
  readonly connectTimeoutMs?: number | undefined;
  /** How long a connection is kept that nobody uses, in milliseconds. @default {60000} */
  readonly idleMs?: number | undefined;
}

/** A `fetch` that holds connections, one a server. */
export interface Http2Fetch extends AsyncDisposable {
  /**
   * Sends a request as `fetch` does. Redirects are not followed, and answers
   * are not decompressed: none is asked for.
   */
  (url: string | URL, init?: RequestInit): Promise<Response>;
  /**
   * What is spoken with the server of a URL: `"h2"` (over TLS), `"h2c"` (in
   * cleartext) or `"http/1.1"`; undefined before the first answer.
   */
  protocolOf(url: string | URL): string | undefined;
  /** Closes all connections; calls that run end first. */
  close(): Promise<void>;
}

const ACTION = "call over HTTP/2";

/**
 * Makes a `fetch` that speaks HTTP/2: in cleartext by prior knowledge, over TLS
 * as ALPN has it. With a server that does not speak it, it falls back to
 * HTTP/1.1. Runs on Deno, Bun and Node.
 *
 * All calls to one server share a connection, which is opened by the first and
 * opened anew after a break. A request that the server has certainly not
 * looked at (it closed the connection at that moment) is sent once more;
 * nothing else is repeated.
 *
 * @example
 * ```ts
 * import { agent, text } from "@agenkit/agenkit";
 * import { http2Fetch } from "@agenkit/agenkit/http2";
 * import { serve } from "@agenkit/agenkit/serve";
 * import assert from "node:assert/strict";
 *
 * await using server = await serve(agent("echo", (m) => `Echo: ${text(m)}`), { port: 0 });
 * await using fetch = http2Fetch();
 * const response = await fetch(`${server.url}/health`);
 * assert.deepEqual(await response.json(), { status: "ok" });
 * assert.equal(fetch.protocolOf(server.url), "h2c");
 * ```
 *
 * @throws {TypeError} If an option is not valid.
 */
export function http2Fetch(options: Http2FetchOptions = {}): Http2Fetch {
  const connectTimeoutMs = checkLimit(
    ACTION,
    "connectTimeoutMs",
    options.connectTimeoutMs ?? 10_000,
  );
  const connecting: ConnectionOptions = {
    tls: checkClientTls(ACTION, options.tls),
    connectTimeoutMs,
    idleMs: checkLimit(ACTION, "idleMs", options.idleMs ?? 60_000),
    keepaliveMs: Infinity,
    pingTimeoutMs: connectTimeoutMs,
  };
  const origins = new Map<string, Origin>();
  const originOf = (url: URL) => {
    let origin = origins.get(url.origin);
    if (origin === undefined) origins.set(url.origin, origin = new Origin(url.origin, connecting));
    return origin;
  };
  const fetch = async (input: string | URL, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(input);
    const signal = init.signal ?? undefined;
    signal?.throwIfAborted();
    const response = originOf(url).send({
      method: init.method ?? "GET",
      url,
      headers: toNodeHeaders(init.headers),
      body: await toRequestBody(init.body),
      signal,
    });
    return signal === undefined ? await response : await abortable(response, signal);
  };
  const close = async () => {
    await Promise.all([...origins.values()].map((origin) => origin.close()));
  };
  return Object.assign(fetch, {
    protocolOf: (url: string | URL) => origins.get(new URL(url).origin)?.protocol,
    close,
    [Symbol.asyncDispose]: close,
  });
}

/** A server: its connection, or that it speaks no HTTP/2. */
class Origin {
  readonly #origin: string;
  readonly #options: ConnectionOptions;
  readonly #connection: SharedConnection;
  #pool: Http1Pool | undefined;
  #onlyHttp1 = false;
  protocol: string | undefined;

  constructor(origin: string, options: ConnectionOptions) {
    this.#origin = origin;
    this.#options = options;
    this.#connection = new SharedConnection(origin, options);
  }

  async send(request: Http2Request): Promise<Response> {
    if (this.#onlyHttp1) return await this.#sendHttp1(request);
    let connection: Http2Connection;
    try {
      connection = await this.#connection.get();
    } catch {
      // Whatever it was: what HTTP/1.1 comes to is the answer.
      return await this.#sendHttp1(request);
    }
    this.protocol = connection.protocol;
    request.signal?.throwIfAborted();
    try {
      return await sendRequest(connection, request);
    } catch (error) {
      const repeatable = error instanceof NotProcessedError &&
        !(request.body instanceof ReadableStream);
      if (!repeatable || connection.usable) throw error;
      return await sendRequest(await this.#connection.get(), request);
    }
  }

  async #sendHttp1(request: Http2Request): Promise<Response> {
    this.#pool ??= new Http1Pool(this.#origin, this.#options);
    try {
      const response = await this.#pool.request(request);
      // It answered: the next call need not ask for HTTP/2 again.
      this.#onlyHttp1 = true;
      this.protocol = "http/1.1";
      return response;
    } catch (error) {
      // The server may come back as another one.
      if (!request.signal?.aborted) this.#onlyHttp1 = false;
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#pool?.destroy();
    await this.#connection.close();
  }
}
