import type { Agent } from "../../core/agent.ts";
import { deadline } from "../../core/deadline.ts";
import { AgenkitError } from "../../core/errors.ts";
import type { Message } from "../../core/message.ts";
import { EnvelopeError } from "../../protocol/decode.ts";
import { encodeMessage } from "../../protocol/encode.ts";
import { UNKNOWN_ID } from "../../protocol/envelope.ts";
import { checkSize } from "../../protocol/limits.ts";
import { withoutToolCalls } from "../../protocol/trust.ts";
import { toAgenkitError } from "../../protocol/wire_error.ts";
import { Admission } from "../admission.ts";
import { AgentDirectory, type Agents } from "../directory.ts";
import { runProcess, StreamRun } from "../run.ts";
import { shownError } from "../shown_error.ts";
import { compressed } from "./compression.ts";
import { eventStream } from "./event_stream.ts";
import { EVENT_STREAM_TYPE, JSON_TYPE } from "./headers.ts";
import { checked, type CheckedOptions, type HttpHandlerOptions } from "./options.ts";
import { OriginPolicy } from "./origin.ts";
import { errorResponse, HttpProblem } from "./problem.ts";
import { checkContentEncoding, checkContentType, readRequest, readTimeout } from "./request.ts";
import { allowOf, type Route, routeOf } from "./routes.ts";

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

class HttpServer {
  readonly admission: Admission;
  readonly #directory: AgentDirectory;
  readonly #origins: OriginPolicy;
  readonly #options: CheckedOptions;
  readonly #running = new Set<(reason: unknown) => void>();

  constructor(agents: Agents, options: HttpHandlerOptions) {
    this.#options = checked(options);
    this.#directory = new AgentDirectory(agents, options.defaultAgent);
    this.#origins = new OriginPolicy(options.cors);
    this.admission = new Admission(this.#options.maxInFlight);
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
    const route = routeOf(request.url, this.#options.basePath);
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
      checkContentEncoding(request);
      const timeoutMs = readTimeout(request, this.#options.maxTimeoutMs);
      const { context } = this.#options;
      const values = context === undefined
        ? undefined
        : await deadline((async () => await context(request))(), timeoutMs, {
          clock: this.#options.clock,
        });
      const envelope = await readRequest(
        request,
        this.#options.maxBytes,
        this.#options.bodyTimeoutMs,
        this.#options.clock,
      );
      id = envelope.id;
      const agent = named ?? this.#directory.choose(envelope.agentName);
      const message = this.#options.trustToolCalls
        ? envelope.message
        : withoutToolCalls(envelope.message);
      const run = {
        signal: () => request.signal,
        timeoutMs,
        values,
        clock: this.#options.clock,
        running: this.#running,
      };
      if (route.kind === "process") {
        return this.#answer(request, id, await runProcess(agent, message, run));
      }
      const body = eventStream(new StreamRun(agent, message, run), {
        id,
        maxBytes: this.#options.maxBytes,
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
    checkSize("The answer", body, this.#options.maxBytes);
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
