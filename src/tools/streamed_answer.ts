import type { Json } from "../core/json.ts";
import { type Message, message, text } from "../core/message.ts";

/** Puts one round's chunks together to the answer they are parts of. */
export class StreamedAnswer {
  #role = "agent";
  #content = "";
  readonly #metadata: Record<string, Json> = {};
  readonly #calls: Json[] = [];
  readonly #ids = new Set<Json>();
  /** What should be a list of calls and is not. */
  #nonsense: Json | undefined;

  /** Takes a chunk; gives what of it the consumer may see, if anything. */
  add(chunk: Message): Message | undefined {
    this.#role = chunk.role;
    this.#content += text(chunk);
    const { tool_calls: calls, ...metadata } = chunk.metadata;
    Object.assign(this.#metadata, metadata);
    if (calls === undefined) return chunk;
    this.#take(calls);
    // An agent around this one must not run them again.
    if (text(chunk) === "" && Object.keys(metadata).length === 0) return undefined;
    return chunk.with({ metadata });
  }

  /** The whole answer. */
  answer(): Message {
    const calls = this.#nonsense ?? this.#calls;
    return message(this.#role, this.#content, { ...this.#metadata, tool_calls: calls });
  }

  #take(calls: Json): void {
    if (!Array.isArray(calls)) {
      // But for `null`, which means none.
      this.#nonsense = calls;
      return;
    }
    for (const call of calls as readonly Json[]) {
      const id = typeof call === "object" && call !== null && "id" in call ? call.id : undefined;
      // Some models repeat all calls in their last chunk.
      if (id !== undefined && this.#ids.has(id)) continue;
      if (id !== undefined) this.#ids.add(id);
      this.#calls.push(call);
    }
  }
}
