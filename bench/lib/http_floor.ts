/**
 * What a call over HTTP costs without agenkit: the runtime's own server and
 * `fetch`, which carry the same JSON in the same way.
 *
 * @module
 */
import { envelope, said, type Wire } from "./wire.ts";

const JSON_HEADERS = { "content-type": "application/json" };

/** A server and a client of the runtime's own. */
export interface Floor {
  /** Sends a text and reads it back. */
  process(content: string): Promise<Wire>;
  /** Sends a text and reads it back in so many chunks. */
  stream(content: string, chunks: number): Promise<number>;
}

/** Starts a server. It does not keep the process alive. */
export function startFloor(): Floor {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  server.unref();
  const url = `http://127.0.0.1:${server.addr.port}`;
  const ask = (path: string, content: string) =>
    fetch(`${url}${path}`, {
      method: "POST",
      headers: JSON_HEADERS,
      body: envelope("request", crypto.randomUUID(), {
        method: "process",
        ...said("user", content),
      }),
    });
  return {
    process: async (content) => await (await ask("/process", content)).json(),
    stream: async (content, chunks) =>
      await readEvents((await ask(`/stream?${chunks}`, content)).body!),
  };
}

async function answer(request: Request): Promise<Response> {
  const { id, payload }: Wire = await request.json();
  const { content } = payload.message;
  const chunks = Number(request.url.split("?")[1] ?? 0);
  return chunks === 0
    ? new Response(envelope("response", id, said("agent", content)), { headers: JSON_HEADERS })
    : new Response(events(id, content, chunks), {
      headers: { "content-type": "text/event-stream" },
    });
}

function events(id: string, content: string, chunks: number): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const size = content.length / chunks;
  let sent = 0;
  return new ReadableStream({
    pull(controller) {
      const last = sent === chunks;
      const event = last
        ? envelope("stream_end", id, {})
        : envelope("stream_chunk", id, said("agent", content.slice(sent * size, ++sent * size)));
      controller.enqueue(encoder.encode(`data: ${event}\n\n`));
      if (last) controller.close();
    },
  }, { highWaterMark: 0 });
}

async function readEvents(body: ReadableStream<Uint8Array>): Promise<number> {
  const decoder = new TextDecoder();
  let rest = "";
  let length = 0;
  for await (const bytes of body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const { payload }: Wire = JSON.parse(line.slice("data: ".length));
      length += payload.message?.content.length ?? 0;
    }
  }
  return length;
}
