import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import type { StreamingAgent } from "../../core/agent.ts";
import type { CallOptions } from "../../core/call.ts";
import { type Clock, systemClock } from "../../core/clock.ts";
import { AgenkitError } from "../../core/errors.ts";
import { describe } from "../../core/json.ts";
import type { Message } from "../../core/message.ts";
import { checkLimit, checkNumber } from "../../core/options.ts";
import { onAbort, throwIfAborted } from "../../core/signals.ts";
import { timestamp } from "../../core/timestamp.ts";
import {
  AgentService,
  ChunkType,
  type Request as ProtoRequest,
  RequestSchema,
  type Response as ProtoResponse,
  ResponseType,
  type StreamChunk,
} from "../../gen/agent_pb.ts";
import { UNKNOWN_ID } from "../../protocol/envelope.ts";
import { PROTOCOL_VERSION } from "../../protocol/limits.ts";
import { endsInTime } from "../ends_in_time.ts";
import { Exchange } from "../exchange.ts";
import { fixedHeaders, madeHeaders } from "../http/extra_headers.ts";
import type { ConverseOptions, RpcClientOptions } from "./client_options.ts";
import { timeoutToSend } from "./deadlines.ts";
import { Outbox } from "./outbox.ts";
import {
  ERRORS_AS_STATUS,
  ERRORS_HEADER,
  fromConnectError,
  readProtoError,
} from "./proto_error.ts";
import { readProtoMessage, writeProtoMessage } from "./proto_message.ts";

const METHODS = AgentService.method;

/** An agent behind a transport of the RPC library. */
export class RpcAgent implements StreamingAgent {
  readonly name: string;
  readonly capabilities: readonly string[];
  readonly #transport: Transport;
  readonly #url: string;
  readonly #options: RpcClientOptions;
  /** What every call sends; the library copies it. */
  readonly #headersOfAll: Headers;
  readonly #timeoutMs: number;
  readonly #clock: Clock;

  /** @param url Where it is, for error messages and as the name of last resort. */
  constructor(action: string, url: URL, transport: Transport, options: RpcClientOptions) {
    this.#transport = transport;
    this.#url = url.href.replace(/\/+$/, "");
    this.name = options.name || url.host;
    this.capabilities = Object.freeze([...(options.capabilities ?? [])]);
    this.#options = options;
    this.#headersOfAll = asking(fixedHeaders(action, options.headers));
    this.#timeoutMs = checkLimit(action, "timeoutMs", options.timeoutMs ?? 30_000);
    this.#clock = options.clock ?? systemClock;
  }

  async process(message: Message, call: CallOptions = {}): Promise<Message> {
    throwIfAborted(call);
    const exchange = new Exchange(this.#clock, call, this.name);
    try {
      exchange.limit(this.#timeoutMs);
      const request = this.#request("process", message);
      const headers = await this.#headers(exchange, call);
      const { message: response } = await exchange.wait(
        this.#transport.unary(
          METHODS.process,
          cancelled(exchange.signal),
          timeoutToSend(exchange.timeLeft("process")),
          headers,
          request,
        ),
      );
      return this.#answer(response, request.id);
    } catch (error) {
      throw this.#errorOf(error, exchange);
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
    try {
      exchange.limit(this.#timeoutMs);
      const request = this.#request("stream", message);
      const headers = await this.#headers(exchange, call);
      const { message: chunks } = await exchange.wait(
        this.#transport.stream(
          METHODS.processStream,
          cancelled(exchange.signal),
          timeoutToSend(exchange.timeLeft("stream")),
          headers,
          once(request),
        ),
      );
      const iterator = chunks[Symbol.asyncIterator]();
      for (;;) {
        const { value, done } = await exchange.wait(iterator.next());
        if (done) throw this.#endedEarly("an END or ERROR chunk");
        this.#checkId(value.id, request.id);
        if (value.type === ChunkType.END || value.type === ChunkType.ERROR) {
          exchange.pause();
          finished = await endsInTime(iterator, this.#clock);
        }
        if (value.type === ChunkType.END) return;
        const chunk = this.#chunk(value);
        // The consumer's time is its own.
        exchange.pause();
        yield chunk;
        exchange.limit(this.#timeoutMs);
      }
    } catch (error) {
      throw this.#errorOf(error, exchange);
    } finally {
      // However it ended, nothing more is to be read. The RPC library does not see a consumer leave.
      exchange.end(!finished);
    }
  }

  /**
   * Sends message after message and yields their answers in order.
   *
   * @throws {RangeError} If `maxConcurrent` is out of bounds.
   */
  async *converse(
    messages: AsyncIterable<Message> | Iterable<Message>,
    call: ConverseOptions = {},
  ): AsyncGenerator<Message, void, undefined> {
    // The server has its time for each answer; the caller's own messages may take as long as they like.
    let reading = true;
    const limit = () => exchange.limit(outbox.waiting ? this.#timeoutMs : Infinity);
    const outbox = new Outbox(
      messages,
      checkNumber("converse", "maxConcurrent", call.maxConcurrent ?? 8, { min: 1, integer: true }),
      (message) => this.#request("process", message),
      () => reading && limit(),
    );
    throwIfAborted(call);
    const exchange = new Exchange(this.#clock, call, this.name);
    let finished = false;
    try {
      exchange.limit(Infinity);
      const headers = await this.#headers(exchange, call);
      const { message: responses } = await exchange.wait(
        this.#transport.stream(
          METHODS.bidirectionalStream,
          cancelled(exchange.signal),
          timeoutToSend(exchange.timeLeft("stream")),
          headers,
          outbox.requests(),
        ),
      );
      const iterator = responses[Symbol.asyncIterator]();
      for (;;) {
        const { value, done } = await exchange.wait(iterator.next());
        if (done) break;
        const answer = this.#answer(value, outbox.expected ?? UNKNOWN_ID);
        reading = false;
        exchange.pause();
        yield answer;
        outbox.answered();
        reading = true;
        limit();
      }
      finished = true;
      if (outbox.size > 0) throw this.#endedEarly(`${outbox.size} more responses`);
    } catch (error) {
      // The library would make a status of what the caller's own source throws.
      throw outbox.failure === undefined ? this.#errorOf(error, exchange) : outbox.failure.error;
    } finally {
      exchange.end(!finished);
      outbox.close();
    }
  }

  #request(method: "process" | "stream", message: Message): ProtoRequest {
    return create(RequestSchema, {
      version: PROTOCOL_VERSION,
      id: crypto.randomUUID(),
      timestamp: timestamp(),
      method,
      agentName: this.#options.name ?? "",
      messages: [writeProtoMessage(message)],
    });
  }

  async #headers(exchange: Exchange, call: CallOptions): Promise<Headers> {
    const { headers } = this.#options;
    return typeof headers === "function"
      ? asking(await exchange.wait(madeHeaders(headers, call, this.#url)))
      : this.#headersOfAll;
  }

  #answer(response: ProtoResponse, id: string): Message {
    this.#checkId(response.id, id);
    if (response.type === ResponseType.ERROR) throw readProtoError(response.error);
    if (response.type === ResponseType.MESSAGE && response.message !== undefined) {
      return this.#read(response.message);
    }
    throw this.#unusable(`expected a message, got a response of type ${response.type}`);
  }

  #chunk(chunk: StreamChunk): Message {
    if (chunk.type === ChunkType.ERROR) throw readProtoError(chunk.error);
    // Go's server hides a failure so.
    if (chunk.type === ChunkType.MESSAGE && chunk.message !== undefined) {
      return this.#read(chunk.message);
    }
    throw this.#unusable(`expected a chunk with a message, got one of type ${chunk.type} without`);
  }

  #read(message: Parameters<typeof readProtoMessage>[0]): Message {
    try {
      return readProtoMessage(message, "agent", this.#options.parseContent);
    } catch (cause) {
      throw this.#unusable((cause as Error).message, cause);
    }
  }

  #checkId(got: string, id: string): void {
    if (got === id || got === UNKNOWN_ID) return;
    throw this.#unusable(`expected id ${id}, got ${describe(got)}`);
  }

  #unusable(why: string, cause?: unknown): AgenkitError {
    return new AgenkitError("internal", `The answer of ${this.#url} cannot be used: ${why}`, {
      cause,
      retryable: false,
    });
  }

  #endedEarly(expected: string): AgenkitError {
    return new AgenkitError(
      "unavailable",
      `The stream of ${this.#url} ended too early: expected ${expected}`,
    );
  }

  #errorOf(error: unknown, exchange: Exchange): unknown {
    return exchange.errorOf(
      error instanceof ConnectError ? fromConnectError(error, this.#url) : error,
      this.#url,
    );
  }
}

/** Headers that ask for failures as a status. */
function asking(headers: Record<string, string>): Headers {
  return new Headers({ ...headers, [ERRORS_HEADER]: ERRORS_AS_STATUS });
}

/**
 * A signal that aborts with another, for the reason that the RPC library takes
 * for a cancellation: with a timeout it would reset the stream as if it had failed.
 */
function cancelled(signal: AbortSignal): AbortSignal {
  const controller = new AbortController();
  onAbort(
    signal,
    () => controller.abort(new ConnectError("The call was cancelled", Code.Canceled)),
  );
  return controller.signal;
}

async function* once<T>(item: T): AsyncGenerator<T, void, undefined> {
  yield item;
}
