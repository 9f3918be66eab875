import type { UniversalClientFn } from "@connectrpc/connect/protocol";
import { chunksOf } from "../http/body.ts";

/** Sends requests. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/**
 * A client of the RPC library over `fetch`. Bodies of requests are sent whole,
 * since browsers cannot send them bit by bit; those of responses are read as
 * they come.
 */
export function fetchClient(fetch: Fetch): UniversalClientFn {
  return async ({ url, method, header, body, signal }) => {
    // `fetch` says who it is and what it decompresses itself, and browsers let nobody else say so.
    header.delete("user-agent");
    header.delete("accept-encoding");
    const response = await fetch(url, {
      method,
      headers: header,
      body: body === undefined ? null : await whole(body),
      signal: signal ?? null,
    });
    const received = new Headers(response.headers);
    let content = response.body === null ? nothing() : chunksOf(response.body);
    if (received.has("content-encoding")) {
      const first = await content.next();
      if (!first.done && !isGzip(first.value)) {
        // What HTTP had compressed, `fetch` has decompressed, but may leave the headers.
        received.delete("content-encoding");
        received.delete("content-length");
      }
      content = continued(first, content);
    }
    return { status: response.status, header: received, body: content, trailer: new Headers() };
  };
}

/** No message of protobuf or JSON begins so. */
function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

async function* continued(
  first: IteratorResult<Uint8Array<ArrayBuffer>>,
  rest: AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}

async function whole(body: AsyncIterable<Uint8Array>): Promise<Blob | Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const part of body) parts.push(part as Uint8Array<ArrayBuffer>);
  return parts.length === 1 ? parts[0]! : new Blob(parts);
}

async function* nothing(): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {}
