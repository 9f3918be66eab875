import type { ServerResponse } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ContextValues, createContextValues } from "@connectrpc/connect";
import {
  type Compression,
  compressionNegotiate,
  type Serialization,
} from "@connectrpc/connect/protocol";
import {
  contentTypeJson,
  contentTypeProto,
  parseContentType,
  parseTimeout,
} from "@connectrpc/connect/protocol-grpc";
import { closeIterator } from "../../core/abortable.ts";
import type { Timer } from "../../core/clock.ts";
import type { CallLimits } from "../rpc/answer_call.ts";
import type { CallContext } from "../rpc/call_context.ts";
import { isTooFar } from "../rpc/deadlines.ts";
import { gzip } from "./compression.ts";
import { MessageReader } from "./message_reader.ts";
import { MessageWriter } from "./message_writer.ts";
import type { AnyInit, AnyMessage, GrpcMethod } from "./method.ts";
import { OK, statusTrailers, webHeaders } from "./status.ts";

const COMPRESSIONS: Compression[] = [gzip];

/** The RPC library's place for what travels with a call: nothing does here. */
const NO_VALUES: ContextValues = createContextValues();

/** One RPC on a stream of HTTP/2, from the server's side. */
export class ServerCall implements CallContext {
  readonly values: ContextValues = NO_VALUES;
  readonly #method: GrpcMethod;
  readonly #request: Http2ServerRequest;
  readonly #response: ServerResponse;
  readonly #limits: CallLimits;
  readonly #aborting = new AbortController();
  readonly #head: Record<string, string>;
  readonly #requests: MessageReader<AnyMessage>;
  readonly #answers: Serialization<AnyMessage>;
  readonly #writer: MessageWriter;
  /** Why the call is not begun. */
  #refusal: ConnectError | undefined;
  #deadline: number | undefined;
  #timer: Timer | undefined;
  #begun = false;
  #over = false;
  #requestHeader: Headers | undefined;

  constructor(
    method: GrpcMethod,
    request: Http2ServerRequest,
    response: ServerResponse,
    limits: CallLimits,
  ) {
    this.#method = method;
    this.#request = request;
    this.#response = response;
    this.#limits = limits;
    const { headers } = request;
    const binary = parseContentType(headers["content-type"] ?? null)?.binary ?? true;
    this.#head = { "content-type": binary ? contentTypeProto : contentTypeJson };
    this.#answers = method.answers(binary);
    this.#requests = new MessageReader(request, {
      parse: method.requests(binary).parse,
      maxBytes: limits.maxBytes,
      single: method.oneRequest,
    });
    this.#writer = new MessageWriter(response, this.#negotiate(), () => this.#begin());
    this.#takeDeadline();
  }

  get signal(): AbortSignal {
    return this.#aborting.signal;
  }

  get requestHeader(): Headers {
    return this.#requestHeader ??= webHeaders(this.#request.headers);
  }

  get url(): string {
    const { scheme, authority, url } = this.#request;
    return new URL(url, `${scheme}://${authority}`).href;
  }

  timeoutMs(): number | undefined {
    return this.#deadline === undefined ? undefined : this.#deadline - this.#limits.clock.now();
  }

  /** Answers the call. */
  answer(): void {
    const request = this.#request;
    request.on("data", (bytes: Uint8Array) => {
      try {
        this.#requests.push(bytes);
      } catch (error) {
        this.#requests.end({ error });
      }
    });
    request.once("end", () => {
      if (this.#method.oneRequest) this.#wait(Infinity);
      this.#requests.end(
        this.#requests.partial
          ? {
            error: new ConnectError(
              "The request ended in the middle of a message",
              Code.InvalidArgument,
            ),
          }
          : undefined,
      );
    });
    // Whatever broke, the stream closes.
    request.on("error", () => {});
    this.#response.on("error", () => {});
    request.once("close", () => this.#leave());
    void this.#run();
  }

  async #run(): Promise<void> {
    try {
      if (this.#refusal !== undefined) throw this.#refusal;
      const { oneRequest, oneAnswer } = this.#method;
      this.#wait(oneRequest ? this.#limits.bodyTimeoutMs : Infinity);
      const output = this.#method.answer(oneRequest ? await this.#only() : this.#all(), this);
      if (oneAnswer) await this.#write(await output as AnyInit);
      else await this.#writeAll(output as AsyncIterable<AnyInit>);
      this.#end(OK);
    } catch (error) {
      this.#end(statusTrailers(
        error instanceof ConnectError ? error : new ConnectError("internal error", Code.Internal),
      ));
    }
  }

  async #only(): Promise<AnyMessage> {
    const { value, done } = await this.#requests.next();
    if (!done) return value;
    throw new ConnectError("There is no message, and the method takes one", Code.Unimplemented);
  }

  #all(): AsyncIterable<AnyMessage> {
    return { [Symbol.asyncIterator]: () => this.#requests };
  }

  async #writeAll(answers: AsyncIterable<AnyInit>): Promise<void> {
    const iterator = answers[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { value, done } = await iterator.next();
        if (done || this.#over) break;
        const full = this.#write(value);
        if (full !== undefined) await full;
      }
    } finally {
      void closeIterator(iterator, true);
    }
  }

  #write(answer: AnyInit): Promise<void> | undefined {
    return this.#writer.write(this.#answers.serialize(create(this.#method.output, answer)));
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#response.writeHead(200, this.#head);
  }

  #end(trailers: Readonly<Record<string, string>>): void {
    this.#timer?.cancel();
    if (this.#over) return;
    this.#over = true;
    // Whatever else arrives is dropped.
    this.#requests.end();
    this.#request.resume();
    this.#begin();
    this.#response.addTrailers(trailers);
    this.#writer.end();
  }

  /** The stream is gone: if that was no answer, nobody waits for one any more. */
  #leave(): void {
    this.#timer?.cancel();
    if (this.#over) return;
    this.#over = true;
    this.#abort(new ConnectError("The client has left", Code.Canceled));
    this.#writer.close();
  }

  #abort(error: ConnectError): void {
    this.#requests.end({ error });
    this.#aborting.abort(error);
  }

  /** How answers are compressed; sees to it that requests are read as they were. */
  #negotiate(): Compression | null {
    const { "grpc-encoding": sent, "grpc-accept-encoding": accepted } = this.#request.headers;
    if (sent === undefined && accepted === undefined) return null;
    const { request, response, error } = compressionNegotiate(
      COMPRESSIONS,
      first(sent),
      first(accepted),
      "grpc-accept-encoding",
    );
    this.#refusal = error;
    this.#requests.compression = request;
    if (response !== null) this.#head["grpc-encoding"] = response.name;
    return response;
  }

  #takeDeadline(): void {
    const sent = this.#request.headers["grpc-timeout"];
    if (sent === undefined) return;
    const { timeoutMs, error } = parseTimeout(first(sent), Infinity);
    this.#refusal ??= error;
    if (timeoutMs === undefined || isTooFar(timeoutMs)) return;
    if (timeoutMs <= 0) {
      this.#refusal ??= new ConnectError("The deadline has passed", Code.DeadlineExceeded);
    }
    this.#deadline = this.#limits.clock.now() + timeoutMs;
  }

  /**
   * Waits so many milliseconds for what comes next, and no longer than the
   * deadline. For the one answer to one request it is whoever answers that does.
   */
  #wait(ms: number): void {
    const { clock } = this.#limits;
    this.#timer?.cancel();
    this.#timer = undefined;
    const late = clock.now() + ms;
    const deadline = this.#method.oneAnswer && ms === Infinity ? undefined : this.#deadline;
    const at = Math.min(late, deadline ?? Infinity);
    if (at === Infinity) return;
    this.#timer = clock.schedule(at, () =>
      this.#abort(
        new ConnectError(
          at === late
            ? `The request did not arrive within ${ms} ms`
            : "The deadline of the client has passed",
          Code.DeadlineExceeded,
        ),
      ));
  }
}

function first(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value) ?? null;
}
