/**
 * What both directions share: texts, sizes, and raw requests.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { Json, JsonObject } from "../../mod.ts";

/** The text of the peers' own Unicode tests. */
export const UNICODE = "Hello 世界 🌍 Привет مرحبا";

/** Characters that some line splitters take for line ends, and others worth a look. */
export const SEPARATORS =
  'a\u0085b\u2028c\u2029d\u000be\u000cf\u001cg\u001dh\u001ei\u007fj\u0000k\r\nl\tm <>&"\\ \u{1F469}\u200D\u{1F680} e\u0301';

/** Metadata with everything JSON has, some levels deep. */
export const NESTED: JsonObject = {
  user: { id: 7, name: "Zoë", tags: ["a", "b", ["c", { d: null }]] },
  flags: { on: true, off: false, none: null },
  ratio: 0.25,
  empty: [],
};

/** A million bytes, when the characters are ASCII. */
export const MEGABYTE = 1_000_000;

/** The texts of a stream of so many chunks. */
export function chunks(count: number, label = "chunk"): string[] {
  return Array.from({ length: count }, (_, i) => `${label} ${i}`);
}

/** An envelope as JSON text gives it, without a check. */
// deno-lint-ignore no-explicit-any
export type Loose = any;

/** A request's envelope in the bare shape of the peers' raw tests: no method, no timestamp. */
export function rawEnvelope(message: Json | undefined, id = "raw-1"): JsonObject {
  return {
    version: "1.0",
    type: "request",
    id,
    payload: message === undefined ? {} : { message },
  };
}

/** Posts such an envelope and reads the answer. */
export async function postEnvelope(
  url: string,
  message: Json | undefined,
): Promise<{ status: number; envelope: Loose }> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(rawEnvelope(message)),
  });
  return { status: response.status, envelope: await response.json() };
}

/**
 * Tries something that takes its time, with more and more of it: a machine that
 * is busy shows it only then, and what is never so fails all the same.
 *
 * @param ms How long to take at first, in milliseconds.
 * @param shows Takes so long and tells whether it was so.
 * @param what What was not so.
 */
export async function withTime(
  ms: number,
  shows: (ms: number) => Promise<boolean>,
  what: string,
): Promise<void> {
  for (const time of [ms, 4 * ms, 16 * ms]) if (await shows(time)) return;
  assert.fail(what);
}

/** Whether things came about as far apart as they were made, and not all at once. */
export function areApart(arrivals: readonly number[], ms: number): boolean {
  return arrivals.at(-1)! - arrivals[0]! > ms;
}

/**
 * A port where nobody listens, and that the system gives to nobody by itself:
 * not to a server that asks for any, nor to a connection that goes out.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await isFree(port)) return port;
  }
  throw new Error("found no free port from 20000 to 31999");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
