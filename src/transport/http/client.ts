import type { StreamingAgent } from "../../core/agent.ts";
import { abortable, closeIterator } from "../../core/abortable.ts";
import { type CallOptions, earlier } from "../../core/call.ts";
import { type Clock, systemClock, type Timer } from "../../core/clock.ts";
import { AgenkitError, RemoteError, TimeoutError } from "../../core/errors.ts";
import { describe } from "../../core/json.ts";
import type { Message } from "../../core/message.ts";
import { checkFunction } from "../../core/options.ts";
import { onAbort, throwIfAborted } from "../../core/signals.ts";
import { decodeEnvelope } from "../../protocol/decode.ts";
import { type ContentMode, encodeRequest } from "../../protocol/encode.ts";
import { type Envelope, UNKNOWN_ID } from "../../protocol/envelope.ts";
import { checkSize, MAX_MESSAGE_BYTES } from "../../protocol/limits.ts";
import { readEvents } from "../../protocol/sse.ts";
import { codeFromHttp } from "../../protocol/status.ts";
import { chunksOf, readText } from "./body.ts";
import {
  checkLimit,
  EVENT_STREAM_TYPE,
  JSON_TYPE,
  readRetryAfter,
  TIMEOUT_HEADER,
} from "./headers.ts";

/** Options of {@linkcode httpAgent}. */
export interface HttpAgentOptions {
  /**
   * The agent's name, which also tells a server that has several which one is
   * meant. Default: the URL's host, and the server's default agent.
   */
  readonly name?: string | undefined;
  /** What the remote agent can do, where that is known. @default {[]} */
  readonly capabilities?: readonly string[] | undefined;
  /**
   * How long an answer may take, and how long each next chunk of a stream may,
   * in milliseconds. A call's own deadline holds besides. @default {30000}
   */
  readonly timeoutMs?: number | undefined;
  /** The most bytes of a request, an answer or a chunk. @default {10485760} */
  readonly maxBytes?: number | undefined;
  /** Headers to send, or a function that makes them for each call (a token that expires, a trace). */
  readonly headers?:
    | HeadersInit
    | ((call: CallOptions) => HeadersInit | Promise<HeadersInit>)
    | undefined;
  /** How content that is no string is written; `"json"` for Python agents that expect objects. @default {"text"} */
  readonly content?: ContentMode | undefined;
  /** What sends requests. @default {fetch} */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
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
 * @throws {TypeError} If the URL is not http(s) or h2c, or an option is not valid.
 */
export function httpAgent(url: string | URL, options: HttpAgentOptions = {}): StreamingAgent {
  return new HttpAgent(url, options);
}

const ACTION = "call over HTTP";

/** How long a body may stay open after the last event of its stream. */
const END_GRACE_MS = 100;

class HttpAgent implements StreamingAgent {
  readonly name: string;
  readonly capabilities: readonly string[];
  readonly #base: string;
  readonly #agentName: string | undefined;
  readonly #timeoutMs: number;
  readonly #maxBytes: number;
  readonly #options: HttpAgentOptions;
  readonly #fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly #clock: Clock;

  constructor(url: string | URL, options: HttpAgentOptions) {
    const parsed = parseUrl(url);
    checkFunction(ACTION, "fetch", options.fetch);
    this.#base = (parsed.origin + parsed.pathname).replace(/\/+$/, "");
    this.#agentName = options.name;
    this.name = options.name || parsed.host;
    this.capabilities = Object.freeze([...(options.capabilities ?? [])]);
    this.#timeoutMs = checkLimit(ACTION, "timeoutMs", options.timeoutMs ?? 30_000);
    this.#maxBytes = checkLimit(ACTION, "maxBytes", options.maxBytes ?? MAX_MESSAGE_BYTES);
    this.#options = options;
    // Called with no receiver: browsers and Workers refuse a bare method of something else.
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.#clock = options.clock ?? systemClock;
  }

  async process(message: Message, call: CallOptions = {}): Promise<Message> {
    throwIfAborted(call);
    const exchange = new Exchange(this.#clock, call, this.name);
    try {
      exchange.limit(this.#timeoutMs);
      const { id, response } = await this.#send(exchange, "process", message, call);
      const text = await exchange.wait(readText(response, "The answer", this.#maxBytes));
      const envelope = this.#decode(text);
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
        const envelope = this.#decode(value);
        checkId(envelope, id, this.#base);
        if (envelope.type === "stream_end" || envelope.type === "error") {
          finished = await exchange.endsWith(events);
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
    const body = encodeRequest({ id, method, agentName: this.#agentName, message, content });
    checkSize("The request", body, this.#maxBytes);
    const sent: Record<string, string> = { "content-type": JSON_TYPE };
    if (method === "stream") sent.accept = EVENT_STREAM_TYPE;
    const timeLeft = method === "process" || call.deadline !== undefined
      ? exchange.timeLeft
      : undefined;
    if (timeLeft !== undefined) sent[TIMEOUT_HEADER] = String(Math.max(0, Math.ceil(timeLeft)));
    if (headers !== undefined) {
      const extra = typeof headers === "function"
        ? await exchange.wait(asPromise(headers, call))
        : headers;
      for (const [key, value] of new Headers(extra)) sent[key] = value;
    }
    const response = await exchange.wait(
      this.#fetch(`${this.#base}/${method}`, {
        method: "POST",
        headers: sent,
        body,
        signal: exchange.signal,
      }),
    );
    if (response.status !== 200) throw await this.#errorOf(exchange, response);
    return { id, response };
  }

  /** The error of an answer that is not 200: what its envelope says, or else its status. */
  async #errorOf(exchange: Exchange, response: Response): Promise<AgenkitError> {
    const { status } = response;
    const retryAfterMs = readRetryAfter(response.headers.get("retry-after"));
    const text = await exchange.wait(readText(response, "The answer", this.#maxBytes));
    let said: Envelope | undefined;
    try {
      said = decodeEnvelope(text);
    } catch {
      // Proxies and some peers answer in plain text.
    }
    if (said?.type === "error" && said.error instanceof RemoteError) {
      const { code, message, remoteCode, details, retryable, retryAfterMs: told } = said.error;
      return new RemoteError(code, message, {
        ...(remoteCode === undefined ? undefined : { remoteCode }),
        details,
        retryable,
        retryAfterMs: told ?? retryAfterMs,
      });
    }
    const excerpt = text.trim().slice(0, 200);
    return new RemoteError(
      codeFromHttp(status),
      `${this.#base} answered with HTTP ${status}${excerpt === "" ? "" : `: ${excerpt}`}`,
      { retryAfterMs },
    );
  }

  #decode(text: string): Envelope {
    try {
      return decodeEnvelope(text);
    } catch (cause) {
      throw new AgenkitError(
        "internal",
        `The answer of ${this.#base} cannot be used: ${(cause as Error).message}`,
        { cause, retryable: false },
      );
    }
  }
}

/** One call on its way: its signal, its timer, and why it ended. */
class Exchange {
  readonly #controller = new AbortController();
  readonly #clock: Clock;
  readonly #call: CallOptions;
  readonly #name: string;
  readonly #release: () => void;
  #timer: Timer | undefined;
  #deadline: number | undefined;

  constructor(clock: Clock, call: CallOptions, name: string) {
    this.#clock = clock;
    this.#call = call;
    this.#name = name;
    const { signal } = call;
    this.#release = onAbort(signal, () => this.#controller.abort(signal!.reason));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get aborted(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Milliseconds until the limit set last. */
  get timeLeft(): number | undefined {
    return this.#deadline === undefined ? undefined : this.#deadline - this.#clock.now();
  }

  /** Gives what comes next so many milliseconds, or what the call's deadline leaves. */
  limit(ms: number): void {
    const now = this.#clock.now();
    const own = Number.isFinite(ms) ? now + ms : undefined;
    this.#deadline = earlier(own, this.#call.deadline);
    if (this.#deadline === undefined) return;
    const timeoutMs = Math.max(0, this.#deadline - now);
    this.#timer = this.#clock.schedule(this.#deadline, () => {
      this.#controller.abort(
        new TimeoutError(`'${this.#name}' did not answer within ${Math.round(timeoutMs)} ms`, {
          timeoutMs,
        }),
      );
    });
  }

  pause(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Waits, but not beyond the signal, whatever the fetch at hand makes of it. */
  wait<T>(promise: Promise<T>): Promise<T> {
    return abortable(promise, this.#controller.signal);
  }

  /**
   * Whether the body ends with the last event, as it should: then the connection
   * can be used again. One that is kept open is not waited for.
   */
  async endsWith(events: AsyncIterator<string>): Promise<boolean> {
    this.pause();
    const late = new Promise<false>((resolve) => {
      this.#timer = this.#clock.schedule(this.#clock.now() + END_GRACE_MS, () => resolve(false));
    });
    const end = events.next().then(({ done }) => done === true, () => false);
    const ended = await Promise.race([end, late]);
    this.pause();
    return ended;
  }

  end(abort = false): void {
    this.pause();
    this.#release();
    if (abort && !this.aborted) {
      this.#controller.abort(new DOMException("The consumer stopped reading", "AbortError"));
    }
  }

  /** What to throw: the reason of an abort as it is; what the network failed with as `unavailable`. */
  errorOf(error: unknown, url: string): unknown {
    if (this.aborted) return this.#controller.signal.reason;
    if (error instanceof AgenkitError) return error;
    return new AgenkitError("unavailable", `Cannot reach ${url}: ${whole(error)}`, {
      cause: error,
    });
  }
}

/** What an error says, with its causes: Node's fetch only says that it failed. */
function whole(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${whole(error.cause)}` : error.message;
}

function parseUrl(url: string | URL): URL {
  const cleartext = String(url).replace(/^h2c:\/\//i, "http://");
  const parsed = URL.canParse(cleartext) ? new URL(cleartext) : undefined;
  if (parsed?.protocol === "http:" || parsed?.protocol === "https:") return parsed;
  throw new TypeError(
    `Cannot ${ACTION} as 'url' must be an http:// or https:// URL: current value is ${
      describe(String(url))
    }`,
  );
}

async function asPromise<T>(make: (call: CallOptions) => T | Promise<T>, call: CallOptions) {
  return await make(call);
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

function checkId(envelope: Envelope, id: string, url: string): void {
  // Peers write "unknown" where they could not read the id; there is only one call it can be for.
  if (envelope.id === id || envelope.id === UNKNOWN_ID) return;
  throw new AgenkitError(
    "internal",
    `The answer of ${url} belongs to another call: expected id ${id}, got ${describe(envelope.id)}`,
    { retryable: false },
  );
}

/** The message of an envelope that answers a request, or the error that it carries. */
function messageOf(
  envelope: Envelope,
  type: "response" | "stream_chunk",
  url: string,
): Message {
  if (envelope.type === "error") throw envelope.error;
  if (envelope.type === type) return envelope.message;
  throw new AgenkitError(
    "internal",
    `The answer of ${url} cannot be used: expected type "${type}", got "${envelope.type}"`,
    { retryable: false },
  );
}
