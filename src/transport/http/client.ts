import type { StreamingAgent } from "../../core/agent.ts";
import { closeIterator } from "../../core/abortable.ts";
import type { CallOptions } from "../../core/call.ts";
import type { Clock } from "../../core/clock.ts";
import { AgenkitError } from "../../core/errors.ts";
import { describe } from "../../core/json.ts";
import type { Message } from "../../core/message.ts";
import { checkFunction } from "../../core/options.ts";
import { throwIfAborted } from "../../core/signals.ts";
import { checkContentMode, type ContentMode, encodeRequest } from "../../protocol/encode.ts";
import { checkSize } from "../../protocol/limits.ts";
import { readEvents } from "../../protocol/sse.ts";
import { checkId, decodeAnswer, messageOf } from "../answer.ts";
import { checkClientOptions, type ClientOptions, type WithHeaders } from "../client_options.ts";
import { endsInTime } from "../ends_in_time.ts";
import { Exchange, writeRequest } from "../exchange.ts";
import { refuseCredentials, shownUrl } from "../url.ts";
import { chunksOf, readText } from "./body.ts";
import { fixedHeaders, madeHeaders } from "./extra_headers.ts";
import { failureOf } from "./failure.ts";
import { EVENT_STREAM_TYPE, JSON_TYPE, TIMEOUT_HEADER } from "./headers.ts";

/** Options of {@linkcode httpAgent}. */
export interface HttpAgentOptions extends ClientOptions, WithHeaders {
  /** How content that is no string is written; `"json"` for Python agents that expect objects. @default {"text"} */
  readonly content?: ContentMode | undefined;
  /** What sends requests. @default {fetch} */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
}

/**
 * Makes an agent of one that is served over HTTP, in whatever language. Calling
 * it is like calling a local one: aborting the signal or breaking out of a
 * stream closes the connection, the deadline travels along, and errors keep
 * their code.
 *
 * @example
 * ```ts
 * import { agent, message, text } from "@agenkit/agenkit";
 * import { httpAgent } from "@agenkit/agenkit/http";
 * import { serve } from "@agenkit/agenkit/serve";
 * import assert from "node:assert/strict";
 *
 * await using server = await serve(agent("echo", (m) => `Echo: ${text(m)}`), { port: 0 });
 * const echo = httpAgent(server.url);
 * assert.equal(text(await echo.process(message("user", "hello"))), "Echo: hello");
 * ```
 *
 * @param url Where it is served; a path prefix is kept, slashes at the end are not. `h2c://`, which
 * peers write for cleartext HTTP, means `http://`.
 * @throws {TypeError} If the URL is not http(s) or h2c or holds a password, or an option is of a
 * wrong type.
 * @throws {RangeError} If an option is out of bounds.
 */
export function httpAgent(url: string | URL, options: HttpAgentOptions = {}): StreamingAgent {
  return new HttpAgent(url, options);
}

const ACTION = "call over HTTP";

class HttpAgent implements StreamingAgent {
  readonly name: string;
  readonly capabilities: readonly string[];
  readonly #base: string;
  /** Made once: a URL that was just put together costs the runtime more to read. */
  readonly #urls: { readonly process: string; readonly stream: string };
  readonly #agentName: string | undefined;
  readonly #timeoutMs: number;
  readonly #maxBytes: number;
  readonly #options: HttpAgentOptions;
  readonly #headers: Record<string, string>;
  readonly #fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly #clock: Clock;

  constructor(url: string | URL, options: HttpAgentOptions) {
    const parsed = parseUrl(url);
    const { name, capabilities, timeoutMs, maxBytes, clock } = checkClientOptions(ACTION, options);
    checkContentMode(ACTION, options.content);
    checkFunction(ACTION, "fetch", options.fetch);
    this.#base = (parsed.origin + parsed.pathname).replace(/\/+$/, "");
    this.#urls = {
      process: new URL(`${this.#base}/process`).href,
      stream: new URL(`${this.#base}/stream`).href,
    };
    this.#agentName = name;
    this.name = name ?? parsed.host;
    this.capabilities = capabilities;
    this.#timeoutMs = timeoutMs;
    this.#maxBytes = maxBytes;
    this.#options = options;
    this.#headers = fixedHeaders(ACTION, options.headers);
    // Called with no receiver: browsers and Workers refuse a bare method of something else.
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.#clock = clock;
  }

  async process(message: Message, call: CallOptions = {}): Promise<Message> {
    throwIfAborted(call);
    const exchange = new Exchange(this.#clock, call, this.name);
    try {
      exchange.limit(this.#timeoutMs);
      const { id, response } = await this.#send(exchange, "process", message, call);
      const text = await exchange.wait(readText(response, "The answer", this.#maxBytes));
      const envelope = decodeAnswer(text, this.#base);
      checkId(envelope, id, this.#base);
      return messageOf(envelope, "response", this.#base);
    } catch (error) {
      throw exchange.errorOf(error, this.#base);
    } finally {
      exchange.end();
    }
  }

  async *stream(
    message: Message,
    call: CallOptions = {},
  ): AsyncGenerator<Message, void, undefined> {
    throwIfAborted(call);
    const exchange = new Exchange(this.#clock, call, this.name);
    let finished = false;
    let events: AsyncGenerator<string, void, undefined> | undefined;
    try {
      exchange.limit(this.#timeoutMs);
      const { id, response } = await this.#send(exchange, "stream", message, call);
      events = readEvents(chunksOf(bodyOf(response, this.#base)), this.#maxBytes);
      for (;;) {
        const { value, done } = await exchange.wait(events.next());
        if (done) {
          throw new AgenkitError(
            "unavailable",
            `The stream of ${this.#base} ended too early: expected "stream_end" or "error"`,
          );
        }
        const envelope = decodeAnswer(value, this.#base);
        checkId(envelope, id, this.#base);
        if (envelope.type === "stream_end" || envelope.type === "error") {
          exchange.pause();
          finished = await endsInTime(events, this.#clock);
        }
        if (envelope.type === "stream_end") return;
        const chunk = messageOf(envelope, "stream_chunk", this.#base);
        // The consumer's time is its own.
        exchange.pause();
        yield chunk;
        exchange.limit(this.#timeoutMs);
      }
    } catch (error) {
      throw exchange.errorOf(error, this.#base);
    } finally {
      // However it ended, nothing more is to be read: the connection goes.
      exchange.end(!finished || exchange.aborted);
      if (!finished && events !== undefined) await closeIterator(events, true);
    }
  }

  async #send(
    exchange: Exchange,
    method: "process" | "stream",
    message: Message,
    call: CallOptions,
  ): Promise<{ id: string; response: Response }> {
    const id = crypto.randomUUID();
    const { content, headers } = this.#options;
    const agentName = this.#agentName;
    const body = writeRequest(() => encodeRequest({ id, method, agentName, message, content }));
    checkSize("The request", body, this.#maxBytes);
    const sent: Record<string, string> = { "content-type": JSON_TYPE };
    if (method === "stream") sent.accept = EVENT_STREAM_TYPE;
    const timeLeft = exchange.timeLeft(method);
    if (timeLeft !== undefined) sent[TIMEOUT_HEADER] = String(Math.ceil(timeLeft));
    if (typeof headers === "function") {
      Object.assign(sent, await exchange.wait(madeHeaders(headers, call, this.#base)));
    } else Object.assign(sent, this.#headers);
    const response = await exchange.wait(
      this.#fetch(this.#urls[method], {
        method: "POST",
        headers: sent,
        body,
        signal: exchange.signal,
      }),
    );
    if (response.status !== 200) {
      // A body that cannot be read leaves the status, which says enough.
      const text = await exchange.wait(readText(response, "The answer", this.#maxBytes))
        .catch(() => "");
      throw failureOf(response, text, this.#base);
    }
    return { id, response };
  }
}

function parseUrl(url: string | URL): URL {
  const cleartext = String(url).replace(/^h2c:\/\//i, "http://");
  const parsed = URL.canParse(cleartext) ? new URL(cleartext) : undefined;
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

function bodyOf(response: Response, url: string): ReadableStream<Uint8Array<ArrayBuffer>> {
  const type = response.headers.get("content-type") ?? "";
  if (response.body !== null && type.toLowerCase().startsWith(EVENT_STREAM_TYPE)) {
    return response.body;
  }
  response.body?.cancel().catch(() => {});
  throw new AgenkitError(
    "internal",
    `The answer of ${url} cannot be used: expected a body of type ${EVENT_STREAM_TYPE}, got ${
      type === "" ? "none" : type
    }`,
    { retryable: false },
  );
}
