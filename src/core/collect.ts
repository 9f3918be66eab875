import { AgenkitError } from "./errors.ts";
import { checkNumber } from "./options.ts";

/**
 * Reads a stream to its end into an array.
 *
 * @example
 * ```ts
 * import { agent, collect, message, text } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const counter = agent("counter", async function* () {
 *   yield "one";
 *   yield "two";
 * });
 * const chunks = await collect(counter.stream(message("user", "go")));
 * assert.deepEqual(chunks.map(text), ["one", "two"]);
 * ```
 *
 * @param stream What to read.
 * @param limit The most items to take. @default {Infinity}
 * @throws {AgenkitError} With code `resource_exhausted`, if there are more; the stream is cancelled.
 * @throws {RangeError} If the limit is not a whole number or Infinity.
 */
export async function collect<T>(
  stream: AsyncIterable<T>,
  limit: number = Number.POSITIVE_INFINITY,
): Promise<T[]> {
  checkNumber("collect the stream", "limit", limit, { min: 0, integer: true, infinite: true });
  const items: T[] = [];
  for await (const item of stream) {
    if (items.length >= limit) {
      throw new AgenkitError(
        "resource_exhausted",
        `Cannot collect the stream: expected at most ${limit} items, got more`,
      );
    }
    items.push(item);
  }
  return items;
}
