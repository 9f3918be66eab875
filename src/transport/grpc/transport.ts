import type { OutgoingHttpHeaders } from "node:http2";
import type { DescMethod, MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression, Serialization } from "@connectrpc/connect/protocol";
import { abortable, closeIterator } from "../../core/abortable.ts";
import {
  AgentService,
  type Request as ProtoRequest,
  type RequestSchema,
  type Response,
  type ResponseSchema,
  type StreamChunk,
  type StreamChunkSchema,
} from "../../gen/agent_pb.ts";
import type { ConnectionOptions } from "../http2/connection.ts";
import { SharedConnection } from "../http2/shared_connection.ts";
import type { CallHeaders, RpcTransport } from "../rpc/rpc_transport.ts";
import { gzip } from "./compression.ts";
import { ClientCall } from "./client_call.ts";
import { formatOf } from "./method.ts";

/** What every call says of itself. */
const HEAD: OutgoingHttpHeaders = {
  ":method": "POST",
  "content-type": "application/grpc+proto",
  "grpc-accept-encoding": gzip.name,
  te: "trailers",
};

/** What it says where nobody says otherwise. */
const USER_AGENT: OutgoingHttpHeaders = { "user-agent": "grpc-ts-agenkit" };

interface Method<I, O> {
  readonly path: string;
  readonly requests: Serialization<I>;
  readonly responses: Serialization<O>;
  readonly single: boolean;
}

/** Carries RPCs by gRPC over one connection, which is made with the first of them. */
export class GrpcTransport implements RpcTransport {
  readonly #connection: SharedConnection;
  readonly #compression: Compression | null;
  readonly #maxBytes: number;
  readonly #process: Method<ProtoRequest, Response>;
  readonly #processStream: Method<ProtoRequest, StreamChunk>;
  readonly #converse: Method<ProtoRequest, Response>;
  #open = new AbortController();

  constructor(
    origin: string,
    options: ConnectionOptions,
    { compression, maxBytes }: { readonly compression: boolean; readonly maxBytes: number },
  ) {
    this.#connection = new SharedConnection(origin, options);
    this.#compression = compression ? gzip : null;
    this.#maxBytes = maxBytes;
    const { process, processStream, bidirectionalStream } = AgentService.method;
    this.#process = methodOf(process, maxBytes);
    this.#processStream = methodOf(processStream, maxBytes);
    this.#converse = methodOf(bidirectionalStream, maxBytes);
  }

  async unary(
    request: ProtoRequest,
    headers: CallHeaders,
    signal: AbortSignal,
  ): Promise<Response> {
    const call = await this.#send(this.#process, request, headers, signal);
    const { value, done } = await call.answers.next();
    if (!done) return value;
    throw new ConnectError("The answer has a status, but no message", Code.Unimplemented);
  }

  async stream(
    request: ProtoRequest,
    headers: CallHeaders,
    signal: AbortSignal,
  ): Promise<AsyncIterator<StreamChunk>> {
    const call = await this.#send(this.#processStream, request, headers, signal);
    await call.begun();
    return call.answers;
  }

  /** Sends requests one after the other, and resolves with what reads their responses. */
  async converse(
    requests: AsyncIterable<ProtoRequest>,
    headers: CallHeaders,
    signal: AbortSignal,
  ): Promise<AsyncIterator<Response>> {
    const call = await this.#begin(this.#converse, headers, signal);
    void this.#sendAll(call, requests);
    await call.begun();
    return call.answers;
  }

  /** Cuts the connection, and what waits for one. */
  cut(): void {
    const error = new ConnectError("The connection was closed", Code.Canceled);
    this.#open.abort(error);
    this.#open = new AbortController();
    this.#connection.cut(error);
  }

  async #send<O>(
    method: Method<ProtoRequest, O>,
    request: ProtoRequest,
    headers: CallHeaders,
    signal: AbortSignal,
  ): Promise<ClientCall<O>> {
    const bytes = method.requests.serialize(request);
    const call = await this.#begin(method, headers, signal);
    const full = call.requests.write(bytes);
    if (full !== undefined) await full;
    call.requests.end();
    return call;
  }

  async #sendAll<O>(call: ClientCall<O>, requests: AsyncIterable<ProtoRequest>): Promise<void> {
    const iterator = requests[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { value, done } = await iterator.next();
        if (done || call.answers.ended) break;
        const full = call.requests.write(this.#converse.requests.serialize(value));
        if (full !== undefined) await full;
      }
      call.requests.end();
    } catch (error) {
      call.fail(error);
    }
    void closeIterator(iterator, true);
  }

  async #begin<I, O>(
    { path, responses, single }: Method<I, O>,
    headers: CallHeaders,
    signal: AbortSignal,
  ): Promise<ClientCall<O>> {
    const connection = this.#connection.ready ??
      await abortable(this.#connection.get(), this.#open.signal);
    signal.throwIfAborted();
    const head: OutgoingHttpHeaders = { ...USER_AGENT, ...headers, ...HEAD, ":path": path };
    if (this.#compression !== null) head["grpc-encoding"] = this.#compression.name;
    return new ClientCall(
      connection,
      connection.open(head, { endStream: false }),
      {
        parse: responses.parse,
        maxBytes: this.#maxBytes,
        single,
      },
      this.#compression,
      signal,
    );
  }
}

function methodOf<
  I extends typeof RequestSchema,
  O extends typeof ResponseSchema | typeof StreamChunkSchema,
>(
  method: DescMethod & { readonly input: I; readonly output: O },
  maxBytes: number,
): Method<MessageShape<I>, MessageShape<O>> {
  const { path, formats } = formatOf<I, O>(method, maxBytes);
  return {
    path,
    requests: formats.getI(true),
    responses: formats.getO(true),
    single: method.methodKind === "unary",
  };
}
