/**
 * The agent our servers offer in these tests. It does what the request's
 * `metadata.behaviour` says, in the same words as the peers in `python/` and `go/`.
 *
 * @module
 */
import {
  type Agent,
  agent,
  type CallOptions,
  delay,
  type Json,
  type Message,
  type Reply,
  text,
} from "../../mod.ts";

/** What a test asks an agent about itself. */
export interface Stats {
  readonly calls: number;
  readonly streams: number;
  readonly finished: number;
  /** Chunks of all streams that were asked for. */
  readonly chunks: number;
  /** Calls whose signal aborted, and streams that were not read to their end. */
  readonly left: number;
}

/** The agent of these tests, with counters of its own. */
export function peerAgent(): Agent {
  const seen = { calls: 0, streams: 0, finished: 0, chunks: 0, left: 0 };

  async function process(request: Message, call: CallOptions): Promise<Reply> {
    seen.calls++;
    switch (word(request, "behaviour", "echo")) {
      case "fail":
        throw new Error(word(request, "text", "the agent failed on purpose"));
      case "sleep":
        await pause(request, call, () => seen.left++);
        break;
      case "same":
        return { content: request.content };
      case "length":
        return String([...text(request)].length);
      case "blob":
        return "x".repeat(count(request, "n"));
      case "typed":
        return { content: request.metadata["value"] as Json };
      case "stats":
        return JSON.stringify(seen);
    }
    return {
      content: `Echo: ${text(request)}`,
      metadata: {
        original_content: request.content,
        original_role: request.role,
        original_metadata: request.metadata,
        language: "typescript",
        server_name: "typescript-peer",
      },
    };
  }

  async function* stream(request: Message, call: CallOptions): AsyncGenerator<Reply> {
    seen.streams++;
    const behaviour = word(request, "behaviour", "echo");
    if (behaviour !== "chunks" && behaviour !== "midfail") {
      yield await process(request, call);
      seen.finished++;
      return;
    }
    let complete = false;
    try {
      const label = word(request, "text", "chunk");
      for (let index = 0; index < count(request, "n"); index++) {
        await pause(request, call);
        seen.chunks++;
        yield { content: `${label} ${index}`, metadata: { index } };
      }
      complete = true;
    } finally {
      if (complete) seen.finished++;
      else seen.left++;
    }
    if (behaviour === "midfail") throw new Error("the stream broke on purpose");
  }

  return agent({
    name: "typescript-peer",
    capabilities: ["echo", "metadata", "unicode", "streaming"],
    process,
    stream,
  });
}

/** An agent that cannot stream. */
export function unaryAgent(): Agent {
  return agent("unary", (request) => `Unary: ${text(request)}`);
}

async function pause(request: Message, call: CallOptions, left?: () => void): Promise<void> {
  const ms = count(request, "ms");
  if (ms === 0) return;
  try {
    await delay(ms, call.signal === undefined ? {} : { signal: call.signal });
  } catch (reason) {
    left?.();
    throw reason;
  }
}

function word(request: Message, key: string, otherwise: string): string {
  const value = request.metadata[key];
  return typeof value === "string" ? value : otherwise;
}

/** A number; old peers make a text of it on their way over gRPC. */
function count(request: Message, key: string): number {
  const value = Number(request.metadata[key]);
  return Number.isFinite(value) ? value : 0;
}
