import type { ServiceImpl } from "@connectrpc/connect";
import type { AgenkitError } from "../../core/errors.ts";
import { checkLimit, checkNumber } from "../../core/options.ts";
import type { AgentService, Request as ProtoRequest } from "../../gen/agent_pb.ts";
import { Admission } from "../admission.ts";
import type { Agents } from "../directory.ts";
import { runProcess, StreamRun } from "../run.ts";
import { AgentFailures } from "./agent_failures.ts";
import type { CallContext } from "./call_context.ts";
import { CallLink } from "./call_link.ts";
import { inOrder } from "./in_order.ts";
import type { RpcServerOptions } from "./options.ts";
import { toConnectError } from "./proto_error.ts";
import { RequestReader } from "./request_reader.ts";
import { type ChunkInit, chunkTo, type ResponseInit, responseTo } from "./responses.ts";

const ACTION = "serve over RPC";

/** `agenkit.AgentService` for agents, whichever protocol and listener carries it. */
export class RpcService implements ServiceImpl<typeof AgentService> {
  readonly #requests: RequestReader;
  readonly #failures: AgentFailures;
  readonly #admission: Admission;
  readonly #maxConcurrent: number;
  readonly #draining: (() => void)[] = [];

  /**
   * Checks what is offered.
   *
   * @throws {TypeError} If there is no agent, or an option is not valid.
   */
  constructor(agents: Agents, options: RpcServerOptions) {
    this.#requests = new RequestReader(ACTION, agents, options);
    this.#failures = new AgentFailures(ACTION, options);
    this.#admission = new Admission(
      checkLimit(ACTION, "maxInFlight", options.maxInFlight ?? 1000),
    );
    this.#maxConcurrent = checkNumber(ACTION, "maxConcurrent", options.maxConcurrent ?? 8, {
      min: 1,
      integer: true,
    });
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
  async process(request: ProtoRequest, context: CallContext): Promise<ResponseInit> {
    this.#admit();
    const link = new CallLink(context);
    try {
      const call = await this.#requests.read(request, context, link);
      try {
        const message = await runProcess(call.agent, call.message, call.run);
        return responseTo(request, { message });
      } catch (thrown) {
        return responseTo(request, { error: this.#failures.answer(thrown, context, link) });
      }
    } finally {
      link.release();
      this.#admission.release();
    }
  }

  /** Answers one request in chunks. */
  async *processStream(
    request: ProtoRequest,
    context: CallContext,
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
      const call = await this.#requests.read(request, context, link);
      try {
        run = new StreamRun(call.agent, call.message, call.run);
        for (;;) {
          const { value, done } = await run.next();
          if (done) break;
          yield chunkTo(request, { message: value });
        }
        yield chunkTo(request);
      } catch (thrown) {
        yield chunkTo(request, { error: this.#failures.answer(thrown, context, link) });
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
    context: CallContext,
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
    context: CallContext,
    link: CallLink,
  ): Promise<ResponseInit> {
    let admitted = false;
    try {
      this.#admit();
      admitted = true;
      const call = await this.#requests.read(request, context, link);
      return responseTo(request, { message: await runProcess(call.agent, call.message, call.run) });
    } catch (thrown) {
      return responseTo(request, { error: this.#failures.shown(thrown) });
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
}
