import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import { codeFromHttpStatus, contentTypeRegExp } from "@connectrpc/connect/protocol-grpc";
import { onAbort } from "../../core/signals.ts";
import type { ConnectionStream, Http2Connection } from "../http2/connection.ts";
import { NotProcessedError } from "../http2/request.ts";
import { gzip } from "./compression.ts";
import { type MessageFormat, MessageReader } from "./message_reader.ts";
import { MessageWriter } from "./message_writer.ts";
import { hasStatus, statusError } from "./status.ts";

/** One RPC on a stream of HTTP/2, from the client's side: reads the answer and how it ends. */
export class ClientCall<T> {
  /** The messages of the answer. */
  readonly answers: MessageReader<T>;
  /** Where requests go. */
  readonly requests: MessageWriter;
  readonly #stream: ClientHttp2Stream;
  readonly #connection: Http2Connection;
  readonly #over: () => void;
  readonly #release: () => void;
  readonly #early: Uint8Array[] = [];
  #error: Error | undefined;
  #answered = false;
  #ended = false;
  /** Trailers, or headers that are trailers too. */
  #status: IncomingHttpHeaders | undefined;
  #failure: { readonly error: unknown } | undefined;
  #begun: PromiseWithResolvers<void> | undefined;

  constructor(
    connection: Http2Connection,
    { stream, over }: ConnectionStream,
    format: MessageFormat<T>,
    compression: Compression | null,
    signal: AbortSignal,
  ) {
    this.#connection = connection;
    this.#stream = stream;
    this.#over = over;
    this.requests = new MessageWriter(stream, compression);
    this.answers = new MessageReader(stream, format);
    stream.once("response", (headers) => {
      connection.heard();
      this.#attempt(() => this.#begin(headers));
      this.#finishIfWhole();
    });
    stream.on("data", (bytes: Uint8Array) => {
      connection.heard();
      // Deno may tell of bytes first, and then of the headers that say how to read them.
      if (this.#answered) this.#attempt(() => this.answers.push(bytes));
      else if (!this.answers.ended) this.#early.push(bytes);
    });
    stream.once("trailers", (trailers: IncomingHttpHeaders) => {
      this.#status ??= trailers;
      this.#finishIfWhole();
    });
    stream.once("end", () => {
      this.#ended = true;
      this.#finishIfWhole();
    });
    stream.on("error", (error: Error) => this.#error ??= error);
    stream.once("close", () => {
      this.requests.close();
      if (this.answers.ended) return;
      // By now it is known what an error was.
      const whole = this.#answered && this.#status !== undefined && this.#error === undefined;
      if (whole) this.#finish();
      else this.#lose();
    });
    this.#release = onAbort(signal, () => this.fail(signal.reason));
  }

  /** Resolves when the server has begun to answer; rejects if it only failed. */
  begun(): Promise<void> {
    if (this.#answered) return Promise.resolve();
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    this.#begun = Promise.withResolvers();
    return this.#begun.promise;
  }

  /** Ends the call for what happened on this side, and cancels it on the other. */
  fail(error: unknown): void {
    if (this.answers.ended) return;
    this.#end({ error });
    this.requests.close();
    this.#stream.close(constants.NGHTTP2_CANCEL);
    // Not every runtime tells of the end of a stream that was cancelled.
    this.#over();
  }

  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.fail(error);
    }
  }

  #begin(headers: IncomingHttpHeaders): void {
    const httpStatus = Number(headers[":status"]);
    if (httpStatus !== 200) {
      throw new ConnectError(`HTTP status ${httpStatus}`, codeFromHttpStatus(httpStatus));
    }
    const type = headers["content-type"];
    if (type === undefined || !contentTypeRegExp.test(type)) {
      throw new ConnectError(
        `expected content type application/grpc, got ${type ?? "none"}`,
        Code.Unknown,
      );
    }
    const encoding = headers["grpc-encoding"];
    if (encoding === gzip.name) this.answers.compression = gzip;
    else if (encoding !== undefined && encoding !== "identity") {
      throw new ConnectError(`expected encoding gzip or identity, got ${encoding}`, Code.Internal);
    }
    if (hasStatus(headers)) {
      this.#status = headers;
      const error = statusError(headers);
      if (error !== undefined) throw error;
    }
    this.#answered = true;
    this.#begun?.resolve();
    for (const bytes of this.#early.splice(0)) this.answers.push(bytes);
  }

  /** Runtimes tell in any order of headers, bytes and trailers. Where none come, the stream closes. */
  #finishIfWhole(): void {
    const whole = this.#answered && this.#ended && this.#status !== undefined;
    if (whole && !this.answers.ended) this.#finish();
  }

  #finish(): void {
    const error = hasStatus(this.#status!)
      ? statusError(this.#status!)
      : new Error("The answer ended without a status");
    if (error !== undefined) return this.#end({ error });
    if (this.answers.partial) {
      return this.#end({ error: new Error("The answer ended in the middle of a message") });
    }
    this.#end();
  }

  /** The stream is gone before its end. */
  #lose(): void {
    const { rstCode } = this.#stream;
    if (rstCode === constants.NGHTTP2_REFUSED_STREAM) {
      return this.#end({ error: new NotProcessedError({ cause: this.#error }) });
    }
    this.#end({
      error: this.#connection.failure ?? this.#error ?? new Error(
        rstCode === constants.NGHTTP2_NO_ERROR || rstCode === undefined
          ? "The connection ended before the answer did"
          : `The server reset the stream: HTTP/2 error code ${rstCode}`,
      ),
    });
  }

  #end(failure?: { readonly error: unknown }): void {
    this.#release();
    this.#failure = failure;
    this.answers.end(failure);
    // What ends well has begun before.
    if (failure !== undefined) this.#begun?.reject(failure.error);
  }
}
