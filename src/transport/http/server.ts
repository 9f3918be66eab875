import type { Agent } from "../../core/agent.ts";
import type { Clock } from "../../core/clock.ts";
import type { ContextValues } from "../../core/context.ts";
import { deadline } from "../../core/deadline.ts";
import { AgenkitError } from "../../core/errors.ts";
import type { Message } from "../../core/message.ts";
import {
  checkBoolean,
  checkClock,
  checkFunction,
  checkLimit,
  checkNumber,
  checkOptions,
  checkText,
} from "../../core/options.ts";
import { EnvelopeError } from "../../protocol/decode.ts";
import { checkContentMode, type ContentMode, encodeMessage } from "../../protocol/encode.ts";
import { UNKNOWN_ID } from "../../protocol/envelope.ts";
import { checkSize, MAX_MESSAGE_BYTES } from "../../protocol/limits.ts";
import { withoutToolCalls } from "../../protocol/trust.ts";
import { toAgenkitError } from "../../protocol/wire_error.ts";
import { Admission } from "../admission.ts";
import { AgentDirectory, type Agents } from "../directory.ts";
import { runProcess, StreamRun } from "../run.ts";
import { shownError } from "../shown_error.ts";
import { compressed } from "./compression.ts";
import { eventStream } from "./event_stream.ts";
import { EVENT_STREAM_TYPE, JSON_TYPE } from "./headers.ts";
import { type CorsOptions, OriginPolicy } from "./origin.ts";
import { errorResponse, HttpProblem } from "./problem.ts";
import { checkContentType, readRequest, readTimeout } from "./request.ts";
import { allowOf, type Route, routeOf } from "./routes.ts";

/** Options of {@linkcode httpHandler}. */
export interface HttpHandlerOptions {
  /** Which agent answers when a client names none. Default: the first. */
  readonly defaultAgent?: string | undefined;
  /** What all paths begin with, such as `"/api"`. @default {""} */
  readonly basePath?: string | undefined;
  /** The most bytes of a request, an answer or a chunk. @default {10485760} */
  readonly maxBytes?: number | undefined;
  /** How long the body of a request may take to arrive, in milliseconds. @default {30000} */
  readonly bodyTimeoutMs?: number | undefined;
  /**
   * The longest time an agent may take, in milliseconds: the cap of what
   * clients ask for, and what holds when they ask for nothing. @default {600000}
   */
  readonly maxTimeoutMs?: number | undefined;
  /** How many calls may run at once; more are refused with 503. @default {1000} */
  readonly maxInFlight?: number | undefined;
  /** Whether tool calls in the metadata of requests reach the agents. @default {false} */
  readonly trustToolCalls?: boolean | undefined;
  /**
   * Which web pages of other origins may call: `true` for all. Without it a
   * browser's request from another origin is refused with 403. @default {false}
   */
  readonly cors?: CorsOptions | boolean | undefined;
  /** Whether answers of 1 KiB and more are compressed for clients that take gzip. @default {false} */
  readonly compression?: boolean | undefined;
  /** How content that is no string is written; `"json"` only if no client is in Go. @default {"text"} */
  readonly content?: ContentMode | undefined;
  /**
   * Makes the values that agents find in `call.values` from a request, or
   * refuses it by throwing (an `AgenkitError` with code `unauthenticated` gives 401).
   */
  readonly context?: ((request: Request) => ContextValues | Promise<ContextValues>) | undefined;
  /**
   * The text that clients get of an agent's failure; `The agent failed`, should it throw.
   * Default: the error's message, never its stack.
   */
  readonly errorText?: ((error: AgenkitError) => string) | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/** A web-standard request handler that can be asked how busy it is, and be drained. */
export interface HttpHandler {
  /** Answers a request. Never rejects. */
  (request: Request): Promise<Response>;
  /** How many calls and streams run. */
  readonly inFlight: number;
  /** Whether new calls are refused. */
  readonly draining: boolean;
  /** Refuses new calls from now on and resolves when those that run have ended. */
  drain(): Promise<void>;
  /** Refuses new calls, answers those that run with `unavailable`, and tells their agents. */
  close(): void;
}

/**
 * Makes a `(Request) => Promise<Response>` that serves agents over HTTP, with
 * server-sent events for streams. It runs wherever such handlers do:
 * `Deno.serve`, `Bun.serve`, Workers, and any framework on top.
 *
 * Routes: `POST /process`, `POST /stream` (the default agent, or the one that
 * the request names), `POST /agents/{name}/process` and `/stream`, `GET
 * /agents`, `/agents/{name}`, `/health`, `/ready` and `/live`.
 *
 * @example
 * ```ts
 * import { agent, message, text } from "@agenkit/agenkit";
 * import { httpAgent, httpHandler } from "@agenkit/agenkit/http";
 * import assert from "node:assert/strict";
 *
 * const handler = httpHandler(agent("echo", (m) => `Echo: ${text(m)}`));
 * const remote = httpAgent("http://localhost", { fetch: (url, init) => handler(new Request(url, init)) });
 * assert.equal(text(await remote.process(message("user", "hello"))), "Echo: hello");
 * ```
 *
 * @param agents One agent, several, or a record of them; the first is the default.
 * @throws {TypeError} If there is no agent, or an option is of a wrong type.
 * @throws {RangeError} If an option is out of bounds.
 */
export function httpHandler(agents: Agents, options: HttpHandlerOptions = {}): HttpHandler {
  const server = new HttpServer(agents, options);
  const handler = (request: Request) => server.handle(request);
  return Object.defineProperties(handler, {
    inFlight: { get: () => server.admission.inFlight },
    draining: { get: () => server.admission.draining },
    drain: { value: () => server.admission.drain() },
    close: { value: () => server.close() },
  }) as HttpHandler;
}

const ACTION = "serve over HTTP";

class HttpServer {
  readonly admission: Admission;
  readonly #directory: AgentDirectory;
  readonly #origins: OriginPolicy;
  readonly #options: HttpHandlerOptions;
  readonly #basePath: string;
  readonly #maxBytes: number;
  readonly #bodyTimeoutMs: number;
  readonly #maxTimeoutMs: number;
  readonly #clock: Clock;
  readonly #running = new Set<(reason: unknown) => void>();

  constructor(agents: Agents, options: HttpHandlerOptions) {
    checkOptions(ACTION, options);
    this.#directory = new AgentDirectory(agents, options.defaultAgent);
    this.#origins = new OriginPolicy(options.cors);
    this.#options = options;
    checkText(ACTION, "basePath", options.basePath);
    this.#basePath = `/${options.basePath ?? ""}`.replace(/\/+/g, "/").replace(/\/$/, "");
    this.#maxBytes = checkLimit(ACTION, "maxBytes", options.maxBytes ?? MAX_MESSAGE_BYTES);
    this.#bodyTimeoutMs = checkLimit(ACTION, "bodyTimeoutMs", options.bodyTimeoutMs ?? 30_000);
    this.#maxTimeoutMs = checkLimit(ACTION, "maxTimeoutMs", options.maxTimeoutMs ?? 600_000);
    this.admission = new Admission(
      checkNumber(ACTION, "maxInFlight", options.maxInFlight ?? 1000, {
        min: 1,
        integer: true,
        infinite: true,
      }),
    );
    checkBoolean(ACTION, "trustToolCalls", options.trustToolCalls);
    checkBoolean(ACTION, "compression", options.compression);
    checkContentMode(ACTION, options.content);
    checkFunction(ACTION, "context", options.context);
    checkFunction(ACTION, "errorText", options.errorText);
    this.#clock = checkClock(ACTION, options.clock);
  }

  async handle(request: Request): Promise<Response> {
    let response: Response;
    try {
      response = await this.#route(request);
    } catch (thrown) {
      response = this.#failure(UNKNOWN_ID, thrown);
    }
    return this.#origins.enabled ? this.#origins.decorate(request, response) : response;
  }

  close(): void {
    this.admission.refuse();
    // Streams end with the bodies of their answers.
    const closed = new AgenkitError("unavailable", "The server was closed");
    for (const stop of [...this.#running]) stop(closed);
  }

  #route(request: Request): Response | Promise<Response> {
    const route = routeOf(request.url, this.#basePath);
    const allow = allowOf(route);
    const { method } = request;
    if (method === "OPTIONS" && this.#origins.enabled) return this.#origins.preflight(allow);
    if (
      method !== (allow === "POST" ? "POST" : "GET") && !(allow !== "POST" && method === "HEAD")
    ) {
      throw new HttpProblem(
        405,
        "unimplemented",
        `Cannot ${method} here: expected ${allow.replace(", ", " or ")}`,
        { allow },
      );
    }
    this.#origins.check(request);
    if (route.kind === "process" || route.kind === "stream") return this.#call(request, route);
    const { status, body } = this.#describe(route);
    return new Response(method === "HEAD" ? null : JSON.stringify(body), {
      status,
      headers: { "content-type": JSON_TYPE, "cache-control": "no-store" },
    });
  }

  #describe(route: Route): { status: number; body: unknown } {
    switch (route.kind) {
      case "ready":
        return this.admission.draining
          ? { status: 503, body: { status: "draining" } }
          : { status: 200, body: { status: "ready" } };
      case "agents":
        return {
          status: 200,
          body: {
            default: this.#directory.default.name,
            agents: [...this.#directory.entries()].map(([name, agent]) => card(name, agent)),
          },
        };
      case "agent":
        return { status: 200, body: card(route.agent, this.#directory.get(route.agent)) };
      default:
        return { status: 200, body: { status: "ok" } };
    }
  }

  async #call(
    request: Request,
    route: Extract<Route, { kind: "process" | "stream" }>,
  ): Promise<Response> {
    this.admission.admit();
    let id = UNKNOWN_ID;
    let streaming = false;
    try {
      const named = route.agent === undefined ? undefined : this.#directory.get(route.agent);
      checkContentType(request);
      const timeoutMs = readTimeout(request, this.#maxTimeoutMs);
      const { context } = this.#options;
      const values = context === undefined
        ? undefined
        : await deadline((async () => await context(request))(), timeoutMs, { clock: this.#clock });
      const envelope = await readRequest(request, this.#maxBytes, this.#bodyTimeoutMs, this.#clock);
      id = envelope.id;
      const agent = named ?? this.#directory.choose(envelope.agentName);
      const message = this.#options.trustToolCalls
        ? envelope.message
        : withoutToolCalls(envelope.message);
      const run = {
        signal: () => request.signal,
        timeoutMs,
        values,
        clock: this.#clock,
        running: this.#running,
      };
      if (route.kind === "process") {
        return this.#answer(request, id, await runProcess(agent, message, run));
      }
      const body = eventStream(new StreamRun(agent, message, run), {
        id,
        maxBytes: this.#maxBytes,
        content: this.#options.content,
        onError: (error) => this.#shown(error),
        onEnd: () => this.admission.release(),
      });
      streaming = true;
      return new Response(body, {
        headers: { "content-type": EVENT_STREAM_TYPE, "cache-control": "no-cache" },
      });
    } catch (thrown) {
      return this.#failure(thrown instanceof EnvelopeError ? thrown.id : id, thrown);
    } finally {
      if (!streaming) this.admission.release();
    }
  }

  #answer(request: Request, id: string, message: Message): Response {
    const body = encodeMessage("response", id, message, this.#options.content);
    checkSize("The answer", body, this.#maxBytes);
    if (!this.#options.compression) {
      return new Response(body, { headers: { "content-type": JSON_TYPE } });
    }
    const headers = new Headers({ "content-type": JSON_TYPE });
    return new Response(compressed(request, body, headers), { headers });
  }

  #failure(id: string, thrown: unknown): Response {
    return errorResponse(id, this.#shown(toAgenkitError(thrown)));
  }

  /** The error as clients may see it. */
  #shown(error: AgenkitError): AgenkitError {
    return error instanceof HttpProblem ? error : shownError(error, this.#options.errorText);
  }
}

/** What a server tells of an agent. */
function card(name: string, agent: Agent) {
  return {
    name,
    capabilities: agent.capabilities ?? [],
    streaming: agent.stream !== undefined,
  };
}
