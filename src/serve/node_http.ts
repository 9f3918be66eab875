import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { UNKNOWN_ID } from "../protocol/envelope.ts";
import { errorResponse, HttpProblem } from "../transport/http/problem.ts";
import { drained } from "../transport/http2/drained.ts";
import { isStream } from "./is_stream.ts";
import type { FetchHandler } from "./listener.ts";

/** Answers a request of Node's with a web-standard handler. Never rejects. */
export async function answer(
  handler: FetchHandler,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  try {
    await respond(await answerOf(handler, incoming, outgoing), outgoing);
  } catch {
    // The answer could not be written to its end.
    if (!outgoing.headersSent) outgoing.writeHead(500);
    outgoing.end();
  }
}

function answerOf(
  handler: FetchHandler,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Response | Promise<Response> {
  let request: Request;
  try {
    request = toRequest(incoming, outgoing);
  } catch (cause) {
    // Such as a method or a host that the web's own class does not take.
    const text = `Cannot read the request: ${(cause as Error).message}`;
    return errorResponse(UNKNOWN_ID, new HttpProblem(400, "invalid_argument", text));
  }
  return handler(request);
}

/** Makes a web request of Node's, over HTTP/1.1 or HTTP/2. */
export function toRequest(incoming: IncomingMessage, outgoing: ServerResponse): Request {
  return withSignal(bareRequest(incoming), outgoing);
}

/** Makes a web request of Node's that does not tell when the client leaves. */
export function bareRequest(incoming: IncomingMessage): Request {
  const { method = "GET", url = "/" } = incoming;
  const headers = new Headers();
  for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
    const name = incoming.rawHeaders[i]!;
    // HTTP/2 puts the request line into headers that begin with a colon.
    if (!name.startsWith(":")) headers.append(name, incoming.rawHeaders[i + 1]!);
  }
  const host = incoming.headers[":authority"] ?? incoming.headers.host ?? "localhost";
  const scheme = "encrypted" in incoming.socket ? "https" : "http";
  // Clients may write a URL in full, as they do for proxies.
  const target = /^https?:\/\//i.test(url) ? url : `${scheme}://${host}${url}`;
  const hasBody = method !== "GET" && method !== "HEAD";
  return new Request(target, {
    method,
    headers,
    ...(hasBody ? { body: Readable.toWeb(incoming) as ReadableStream, duplex: "half" } : undefined),
  } as RequestInit);
}

/**
 * Gives a request a signal that aborts when the client leaves before the
 * answer is complete. Made when asked for: linking one at construction costs
 * more than the rest of the request.
 */
function withSignal(request: Request, outgoing: ServerResponse): Request {
  let controller: AbortController | undefined;
  return Object.defineProperty(request, "signal", {
    get() {
      if (controller === undefined) {
        controller = new AbortController();
        const leave = () =>
          controller!.abort(new DOMException("The client has left", "AbortError"));
        if (isGone(outgoing)) leave();
        // Not `writableFinished`: HTTP/2 says so of a stream that was cancelled, too.
        else outgoing.once("close", () => outgoing.writableEnded || leave());
      }
      return controller.signal;
    },
  });
}

/** Whether the client has left; HTTP/2's responses know it by their stream. */
function isGone(outgoing: ServerResponse & { stream?: { destroyed: boolean } }): boolean {
  return outgoing.destroyed || outgoing.stream?.destroyed === true;
}

/** Writes a web response, and no faster than the client reads. */
export async function respond(response: Response, outgoing: ServerResponse): Promise<void> {
  const headers: Record<string, string> = {};
  for (const [name, value] of response.headers) headers[name] = value;
  // HTTP/2 knows no such header and Node refuses it.
  if ("stream" in outgoing) delete headers.connection;
  const streaming = isStream(headers["content-type"]);
  if (response.body === null || !streaming) {
    const body = new Uint8Array(await response.arrayBuffer());
    outgoing.writeHead(response.status, { ...headers, "content-length": body.byteLength });
    outgoing.end(body);
    return;
  }
  outgoing.writeHead(response.status, headers);
  // The client learns that the stream has begun, not only with its first chunk.
  outgoing.flushHeaders();
  const reader = response.body.getReader();
  const leave = () => void reader.cancel().catch(() => {});
  outgoing.once("close", leave);
  for (;;) {
    const { value, done } = await reader.read();
    if (done || isGone(outgoing)) break;
    if (!outgoing.write(value)) await drained(outgoing);
  }
  outgoing.off("close", leave);
  outgoing.end();
}
