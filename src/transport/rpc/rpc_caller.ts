import { create } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import type { CallOptions } from "../../core/call.ts";
import type { Clock } from "../../core/clock.ts";
import type { Message } from "../../core/message.ts";
import { throwIfAborted } from "../../core/signals.ts";
import { timestamp } from "../../core/timestamp.ts";
import {
  type Request as ProtoRequest,
  RequestSchema,
  type Response as ProtoResponse,
  type StreamChunk,
} from "../../gen/agent_pb.ts";
import { PROTOCOL_VERSION } from "../../protocol/limits.ts";
import { isRefused } from "../connect_failure.ts";
import { Exchange } from "../exchange.ts";
import { madeHeaders } from "../http/extra_headers.ts";
import { shownUrl } from "../url.ts";
import { Answers } from "./answers.ts";
import type { CheckedRpcOptions } from "./client_options.ts";
import { type TimeoutHeader, timeoutToSend } from "./deadlines.ts";
import { orLate } from "./or_late.ts";
import { ERRORS_AS_STATUS, ERRORS_HEADER, fromConnectError } from "./proto_error.ts";
import { writeProtoMessage } from "./proto_message.ts";
import type { CallHeaders, RpcTransport } from "./rpc_transport.ts";

/** Makes the RPCs of a client over a transport. */
export class RpcCaller {
  /** The agent's name. */
  readonly name: string;
  /** What the agent can do, as far as that was said. */
  readonly capabilities: readonly string[];
  /** How long an answer may take. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Reads what comes back. */
  readonly answers: Answers;
  readonly #transport: RpcTransport;
  readonly #url: string;
  readonly #options: CheckedRpcOptions;
  readonly #timeoutHeader: TimeoutHeader;
  /** What every call sends. */
  readonly #headersOfAll: Record<string, string>;

  /**
   * @param url Where it is, for error messages and as the name of last resort.
   * @param timeoutHeader How the protocol tells the time. The library would tell it too, but
   * keep it by a timer of its own for each call, besides the one here.
   */
  constructor(
    url: URL,
    transport: RpcTransport,
    timeoutHeader: TimeoutHeader,
    options: CheckedRpcOptions,
  ) {
    this.#transport = transport;
    this.#timeoutHeader = timeoutHeader;
    this.#url = shownUrl(url).replace(/\/+$/, "");
    this.#options = options;
    this.#headersOfAll = asking(options.fixedHeaders);
    this.name = options.name ?? url.host;
    this.capabilities = options.capabilities;
    this.timeoutMs = options.timeoutMs;
    this.clock = options.clock;
    this.answers = new Answers(this.#url, options.parseContent);
  }

  /** Begins a call; rejects one that was aborted before with its reason. */
  begin(call: CallOptions): Exchange {
    throwIfAborted(call);
    return new Exchange(this.clock, call, this.name);
  }

  /** Writes a request. */
  request(method: "process" | "stream", message: Message): ProtoRequest {
    return create(RequestSchema, {
      version: PROTOCOL_VERSION,
      id: crypto.randomUUID(),
      timestamp: timestamp(),
      method,
      agentName: this.#options.name ?? "",
      messages: [writeProtoMessage(message)],
    });
  }

  /** Sends a request and resolves with its response. */
  async process(
    exchange: Exchange,
    call: CallOptions,
    request: ProtoRequest,
  ): Promise<ProtoResponse> {
    const headers = await this.headers(exchange, call, "process");
    return await unlessRefused(
      exchange,
      () => exchange.wait(this.#transport.unary(request, headers, exchange.signal)),
    );
  }

  /** Sends a request and resolves with what reads its chunks. */
  async stream(
    exchange: Exchange,
    call: CallOptions,
    request: ProtoRequest,
  ): Promise<AsyncIterator<StreamChunk>> {
    const headers = await this.headers(exchange, call, "stream");
    return await unlessRefused(
      exchange,
      () => exchange.wait(this.#transport.stream(request, headers, exchange.signal)),
    );
  }

  /** What to throw for an error of a call. */
  errorOf(error: unknown, exchange: Exchange, method: "process" | "stream"): unknown {
    const known = exchange.errorOf(
      error instanceof ConnectError ? fromConnectError(error, this.#url) : error,
      this.#url,
    );
    return exchange.aborted ? known : orLate(known, exchange.timeLeft(method), this.name);
  }

  /** The headers of a call, its time among them. */
  async headers(
    exchange: Exchange,
    call: CallOptions,
    method: "process" | "stream",
  ): Promise<CallHeaders> {
    const make = this.#options.headers;
    const headers = typeof make === "function"
      ? asking(await exchange.wait(madeHeaders(make, call, this.#url)))
      : this.#headersOfAll;
    const timeoutMs = timeoutToSend(exchange.timeLeft(method));
    if (timeoutMs === undefined) return headers;
    const [name, value] = this.#timeoutHeader(timeoutMs);
    return { ...headers, [name]: value };
  }
}

/** Headers that ask for failures as a status. */
function asking(headers: Record<string, string>): Record<string, string> {
  return { ...headers, [ERRORS_HEADER]: ERRORS_AS_STATUS };
}

/**
 * Sends once more what the server has refused unread, as one does that is told
 * to go elsewhere while the request is on its way. gRPC's own clients do so
 * too, and call it a transparent retry
 * (https://github.com/grpc/proposal/blob/master/A6-client-retries.md#transparent-retries).
 */
async function unlessRefused<T>(exchange: Exchange, send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    if (exchange.aborted || !isRefused(error)) throw error;
    return await send();
  }
}
