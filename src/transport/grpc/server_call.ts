import type { ServerResponse } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ContextValues, createContextValues } from "@connectrpc/connect";
import type { Serialization } from "@connectrpc/connect/protocol";
import { contentTypeJson, contentTypeProto } from "@connectrpc/connect/protocol-grpc";
import { closeIterator } from "../../core/abortable.ts";
import type { Timer } from "../../core/clock.ts";
import type { CallLimits } from "../rpc/answer_call.ts";
import type { CallContext } from "../rpc/call_context.ts";
import { MessageReader } from "./message_reader.ts";
import { MessageWriter } from "./message_writer.ts";
import type { AnyInit, AnyMessage, GrpcMethod } from "./method.ts";
import { readHead, type RequestHead } from "./request_head.ts";
import { OK, statusTrailers, webHeaders } from "./status.ts";

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
  readonly #head: RequestHead;
  readonly #requests: MessageReader<AnyMessage>;
  readonly #answers: Serialization<AnyMessage>;
  readonly #writer: MessageWriter;
  readonly #deadline: number | undefined;
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
    const { binary, compression, answerCompression, timeoutMs } = this.#head = readHead(
      request.headers,
    );
    this.#deadline = timeoutMs === undefined ? undefined : limits.clock.now() + timeoutMs;
    this.#answers = method.answers(binary);
    this.#requests = new MessageReader(request, {
      parse: method.requests(binary).parse,
      maxBytes: limits.maxBytes,
      single: method.oneRequest,
    });
    this.#requests.compression = compression;
    this.#writer = new MessageWriter(response, answerCompression, () => this.#begin());
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
      if (this.#head.refusal !== undefined) throw this.#head.refusal;
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
    const { binary, answerCompression } = this.#head;
    this.#response.writeHead(200, {
      "content-type": binary ? contentTypeProto : contentTypeJson,
      ...(answerCompression === null ? undefined : { "grpc-encoding": answerCompression.name }),
    });
  }

  #end(trailers: Readonly<Record<string, string>>): void {
    this.#timer?.cancel();
    if (this.#over) return;
    this.#over = true;
    // Whatever else arrives is dropped.
    this.#requests.end();
    this.#request.resume();
    try {
      this.#begin();
      this.#response.addTrailers(trailers);
      this.#writer.end();
    } catch {
      // The stream is gone, and has not said so yet: there is nobody to tell.
    }
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
