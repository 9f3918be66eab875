import { agent, type Message, type StreamingAgent, text } from "../../mod.ts";

/** An agent that gives a text back, or in so many chunks. */
export function echoInChunks(chunks: number): StreamingAgent {
  return agent({
    name: "echo",
    process: (m) => text(m),
    async *stream(m) {
      const content = text(m);
      const size = content.length / chunks;
      for (let i = 0; i < chunks; i++) yield content.slice(i * size, (i + 1) * size);
    },
  });
}

/** Reads a stream to its end; the length of its text. */
export async function lengthOf(remote: StreamingAgent, request: Message): Promise<number> {
  let length = 0;
  for await (const chunk of remote.stream(request)) length += text(chunk).length;
  return length;
}

/** Reads the first chunk of a stream and leaves it. */
export async function firstChunk(remote: StreamingAgent, request: Message): Promise<void> {
  for await (const _ of remote.stream(request)) break;
}
