import { constants } from "node:http2";
import { onAbort } from "../../core/signals.ts";
import { type RequestBody, sendBody, toWebStream } from "./body.ts";
import type { Http2Connection } from "./connection.ts";
import { toResponse } from "./headers.ts";

/** One request, as both versions of HTTP send it. */
export interface Http2Request {
  readonly method: string;
  readonly url: URL;
  readonly headers: Record<string, string>;
  readonly body: RequestBody;
  readonly signal: AbortSignal | undefined;
}

/** A request that the server has certainly not looked at: it can be sent once more. */
export class NotProcessedError extends Error {
  override readonly name: string = "NotProcessedError";

  constructor(options?: ErrorOptions) {
    super("The server refused the request: REFUSED_STREAM", options);
  }
}

/** Sends a request on a connection and resolves with the head of its answer. */
export function sendRequest(
  connection: Http2Connection,
  { method, url, headers, body, signal }: Http2Request,
): Promise<Response> {
  const { stream, over } = connection.open({
    ":method": method,
    ":path": url.pathname + url.search,
    ...headers,
  }, { endStream: body === undefined });
  let broken: Error | undefined;
  const cancel = () => {
    stream.close(constants.NGHTTP2_CANCEL);
    // Not every runtime tells of the end of a stream that was cancelled.
    over();
  };
  return new Promise((resolve, reject) => {
    let answered = false;
    const release = onAbort(signal, () => {
      broken = signal!.reason;
      reject(broken);
      if (!answered) connection.probe();
      cancel();
    });
    const failure = () => {
      if (broken !== undefined) return broken;
      if (connection.failure !== undefined) return connection.failure;
      const { rstCode } = stream;
      // What was sent before a GOAWAY but not looked at ends like this, too.
      if (rstCode === constants.NGHTTP2_REFUSED_STREAM) {
        return new NotProcessedError();
      }
      return rstCode === constants.NGHTTP2_NO_ERROR && !stream.aborted
        ? undefined
        : new Error(`The server reset the stream: HTTP/2 error code ${rstCode}`);
    };
    stream.once("response", (head) => {
      answered = true;
      resolve(
        toResponse(Number(head[":status"]), head, () => toWebStream(stream, failure, cancel)),
      );
    });
    // An error also ends with "close", and by then it is known what it was.
    stream.on("error", (error: Error) => broken ??= known(error, stream.rstCode));
    stream.once("close", () => {
      release();
      reject(failure() ?? new Error("The connection closed before an answer came"));
    });
    if (body !== undefined) {
      sendBody(body, stream).catch((error) => {
        broken ??= error;
        cancel();
      });
    }
  });
}

function known(error: Error, rstCode: number | undefined): Error {
  return rstCode === constants.NGHTTP2_REFUSED_STREAM
    ? new NotProcessedError({ cause: error })
    : error;
}
