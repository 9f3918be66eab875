import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import type { Agent } from "../../core/agent.ts";
import { type Clock, systemClock } from "../../core/clock.ts";
import type { ContextValues } from "../../core/context.ts";
import { deadline } from "../../core/deadline.ts";
import { AgenkitError } from "../../core/errors.ts";
import type { Message } from "../../core/message.ts";
import { checkFunction, checkLimit, checkNumber } from "../../core/options.ts";
import { timestamp } from "../../core/timestamp.ts";
import {
  type AgentService,
  ChunkType,
  type Request as ProtoRequest,
  type ResponseSchema,
  ResponseType,
  type StreamChunkSchema,
} from "../../gen/agent_pb.ts";
import { UNKNOWN_ID } from "../../protocol/envelope.ts";
import { PROTOCOL_VERSION } from "../../protocol/limits.ts";
import { withoutToolCalls } from "../../protocol/trust.ts";
import { toAgenkitError } from "../../protocol/wire_error.ts";
import { Admission } from "../admission.ts";
import { AgentDirectory, type Agents } from "../directory.ts";
import { runProcess, StreamRun } from "../run.ts";
import { CallLink } from "./call_link.ts";
import { inOrder } from "./in_order.ts";
import type { RpcServerOptions } from "./options.ts";
import { ERRORS_AS_STATUS, ERRORS_HEADER, toConnectError, writeProtoError } from "./proto_error.ts";
import { readProtoMessage, writeProtoMessage } from "./proto_message.ts";

type ResponseInit = MessageInitShape<typeof ResponseSchema>;
type ChunkInit = MessageInitShape<typeof StreamChunkSchema>;

const ACTION = "serve over RPC";

/** Two timers of one deadline do not fire at once. */
const DEADLINE_SLACK_MS = 10;

/** `agenkit.AgentService` for agents, whichever protocol and listener carries it. */
export class RpcService implements ServiceImpl<typeof AgentService> {
  readonly #directory: AgentDirectory;
  readonly #options: RpcServerOptions;
  readonly #maxTimeoutMs: number;
  readonly #admission: Admission;
  readonly #maxConcurrent: number;
  readonly #clock: Clock;
  readonly #draining: (() => void)[] = [];

  /**
   * Checks what is offered.
   *
   * @throws {TypeError} If there is no agent, or an option is not valid.
   */
  constructor(agents: Agents, options: RpcServerOptions) {
    this.#directory = new AgentDirectory(agents, options.defaultAgent);
    this.#options = options;
    this.#maxTimeoutMs = checkLimit(ACTION, "maxTimeoutMs", options.maxTimeoutMs ?? 600_000);
    this.#admission = new Admission(
      checkLimit(ACTION, "maxInFlight", options.maxInFlight ?? 1000),
    );
    this.#maxConcurrent = checkNumber(ACTION, "maxConcurrent", options.maxConcurrent ?? 8, {
      min: 1,
      integer: true,
    });
    checkFunction(ACTION, "context", options.context);
    checkFunction(ACTION, "errorText", options.errorText);
    this.#clock = options.clock ?? systemClock;
    // They are handed to the router one by one.
    this.process = this.process.bind(this);
    this.processStream = this.processStream.bind(this);
    this.bidirectionalStream = this.bidirectionalStream.bind(this);
  }

  /** How many calls and streams run. */
  get inFlight(): number {
    return this.#admission.inFlight;
  }

  /** Whether new calls are refused. */
  get draining(): boolean {
    return this.#admission.draining;
  }

  /** Runs a callback when draining begins. Returns what takes it back. */
  onDraining(callback: () => void): () => void {
    this.#draining.push(callback);
    return () => void this.#draining.splice(this.#draining.indexOf(callback) >>> 0, 1);
  }

  /** Refuses new calls from now on and resolves when those that run have ended. */
  drain(): Promise<void> {
    if (!this.draining) {
      this.#admission.refuse();
      for (const callback of this.#draining.splice(0)) callback();
    }
    return this.#admission.drain();
  }

  /** Answers one request. */
  async process(request: ProtoRequest, context: HandlerContext): Promise<ResponseInit> {
    this.#admit();
    const link = new CallLink(context);
    try {
      const call = await this.#open(request, context, link);
      try {
        return answerOf(request, await runProcess(call.agent, call.message, call.run));
      } catch (thrown) {
        const error = this.#failureOf(thrown, context, link);
        return { ...head(request), type: ResponseType.ERROR, error: writeProtoError(error) };
      }
    } finally {
      link.release();
      this.#admission.release();
    }
  }

  /** Answers one request in chunks. */
  async *processStream(
    request: ProtoRequest,
    context: HandlerContext,
  ): AsyncGenerator<ChunkInit, void, undefined> {
    this.#admit();
    let released = false;
    // Of a client that does not read and then leaves, Node and Bun ask for no next chunk and end nothing.
    const release = () => {
      if (!released) this.#admission.release();
      released = true;
    };
    const link = new CallLink(context, release);
    let run: StreamRun | undefined;
    try {
      const call = await this.#open(request, context, link);
      try {
        run = new StreamRun(call.agent, call.message, call.run);
        for (;;) {
          const { value, done } = await run.next();
          if (done) break;
          yield { ...head(request), type: ChunkType.MESSAGE, message: writeProtoMessage(value) };
        }
        yield { ...head(request), type: ChunkType.END };
      } catch (thrown) {
        const error = this.#failureOf(thrown, context, link);
        yield { ...head(request), type: ChunkType.ERROR, error: writeProtoError(error) };
      }
    } finally {
      run?.stop(new DOMException("The client stopped reading", "AbortError"));
      link.release();
      release();
    }
  }

  /** Answers request after request, in their order. */
  async *bidirectionalStream(
    requests: AsyncIterable<ProtoRequest>,
    context: HandlerContext,
  ): AsyncGenerator<ResponseInit, void, undefined> {
    const link = new CallLink(context);
    try {
      yield* inOrder(
        requests,
        (request) => this.#answerOne(request, context, link),
        this.#maxConcurrent,
      );
    } finally {
      // The stream of requests may break before the RPC is said to be over.
      link.end();
    }
  }

  /** One of many: its failure is its own answer, since a status would end the others. */
  async #answerOne(
    request: ProtoRequest,
    context: HandlerContext,
    link: CallLink,
  ): Promise<ResponseInit> {
    let admitted = false;
    try {
      this.#admit();
      admitted = true;
      const call = await this.#open(request, context, link);
      return answerOf(request, await runProcess(call.agent, call.message, call.run));
    } catch (thrown) {
      const error = this.#shown(thrown);
      return { ...head(request), type: ResponseType.ERROR, error: writeProtoError(error) };
    } finally {
      if (admitted) this.#admission.release();
    }
  }

  /** @throws {ConnectError} If no call is taken now. */
  #admit(): void {
    try {
      this.#admission.admit();
    } catch (refused) {
      throw toConnectError(refused as AgenkitError);
    }
  }

  /**
   * What a request asks, of whom, and how it may run.
   *
   * @throws {ConnectError} If it asks for what cannot be, or is refused.
   */
  async #open(request: ProtoRequest, context: HandlerContext, link: CallLink) {
    try {
      const timeoutMs = Math.min(context.timeoutMs() ?? Infinity, this.#maxTimeoutMs);
      const values = await this.#valuesOf(context, timeoutMs);
      const [first] = request.messages;
      if (first === undefined) {
        throw new AgenkitError(
          "invalid_argument",
          "Cannot read the request: expected a message in 'messages', got none",
        );
      }
      const read = readProtoMessage(first, "user", this.#options.parseContent);
      return {
        agent: this.#directory.choose(request.agentName || undefined) as Agent,
        message: this.#options.trustToolCalls ? read : withoutToolCalls(read),
        run: { signal: link.source, timeoutMs, values, clock: this.#clock },
      };
    } catch (thrown) {
      throw toConnectError(toAgenkitError(thrown));
    }
  }

  async #valuesOf(
    context: HandlerContext,
    timeoutMs: number,
  ): Promise<ContextValues | undefined> {
    const make = this.#options.context;
    if (make === undefined) return undefined;
    const request = new Request(context.url, { headers: context.requestHeader });
    return await deadline((async () => await make(request))(), timeoutMs, { clock: this.#clock });
  }

  /**
   * The failure of an agent as an answer.
   *
   * @throws {ConnectError} For clients that asked for a status, or have a deadline that has passed.
   */
  #failureOf(thrown: unknown, context: HandlerContext, link: CallLink): AgenkitError {
    const error = this.#shown(thrown);
    if (
      error.code === "deadline_exceeded" && (context.timeoutMs() ?? Infinity) <= DEADLINE_SLACK_MS
    ) {
      // The client knows its own deadline: no detail has to say whose time it was.
      throw new ConnectError(error.message, Code.DeadlineExceeded);
    }
    if (context.requestHeader.get(ERRORS_HEADER) === ERRORS_AS_STATUS || link.aborted) {
      throw toConnectError(error);
    }
    return error;
  }

  /** The error as clients may see it. */
  #shown(thrown: unknown): AgenkitError {
    const error = toAgenkitError(thrown);
    const { errorText } = this.#options;
    if (errorText === undefined) return error;
    const { code, retryable, retryAfterMs } = error;
    return new AgenkitError(code, errorText(error), { retryable, retryAfterMs });
  }
}

function answerOf(request: ProtoRequest, message: Message): ResponseInit {
  return { ...head(request), type: ResponseType.MESSAGE, message: writeProtoMessage(message) };
}

/** What every answer begins with. */
function head(request: ProtoRequest) {
  return { version: PROTOCOL_VERSION, id: request.id || UNKNOWN_ID, timestamp: timestamp() };
}
