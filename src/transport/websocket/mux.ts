import { AgenkitError } from "../../core/errors.ts";
import { describe } from "../../core/json.ts";

/**
 * The subprotocol that two of our own peers agree on: many calls on one
 * connection. Messages are text: an envelope is a JSON object as on the old
 * wire, and a control frame is a JSON array.
 */
export const MUX_PROTOCOL = "agenkit.v1.mux";

/**
 * How many characters of envelopes a stream may send before its reader has
 * taken some. One chunk may go beyond, so that a large one can be sent at all.
 */
export const MUX_WINDOW: number = 256 * 1024;

/** What is said beside the envelopes. */
export type ControlFrame =
  /** The caller has left: nothing more of this call is wanted. */
  | readonly ["cancel", string]
  /** The reader of a stream has taken so many characters of envelopes. */
  | readonly ["credit", string, number]
  /** Asks for a sign of life. */
  | readonly ["ping"]
  /** Gives one, asked for or not. */
  | readonly ["pong"];

/** Writes a control frame. */
export function encodeControl(frame: ControlFrame): string {
  return JSON.stringify(frame);
}

/**
 * Reads a control frame, or tells that the text is none by `undefined`.
 *
 * @throws {AgenkitError} `invalid_argument`, if it is an array but no control frame.
 */
export function decodeControl(text: string): ControlFrame | undefined {
  if (!text.startsWith("[")) return undefined;
  const frame = parsed(text);
  if (Array.isArray(frame)) {
    const [type, id, count] = frame as readonly unknown[];
    if ((type === "ping" || type === "pong") && frame.length === 1) return [type];
    if (type === "cancel" && typeof id === "string" && frame.length === 2) return [type, id];
    if (type === "credit" && typeof id === "string" && isCount(count) && frame.length === 3) {
      return [type, id, count];
    }
  }
  throw new AgenkitError(
    "invalid_argument",
    `Cannot read the control frame: expected ["cancel", id], ["credit", id, count], ["ping"] or ` +
      `["pong"], got ${describe(frame ?? text)}`,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** How our envelopes begin: what routes one can be had without reading all of it. */
const HEAD = /^\{"version":"1\.0","type":"([a-z_]+)","id":"([^"\\]*)"/;

/** Type and id of an envelope, for whoever only has to hand it on; `undefined` if it is none. */
export function headOf(text: string): { readonly type: string; readonly id: string } | undefined {
  const head = HEAD.exec(text);
  if (head !== null) return { type: head[1]!, id: head[2]! };
  const envelope = parsed(text) as { type?: unknown; id?: unknown } | null | undefined;
  if (typeof envelope?.type !== "string" || typeof envelope.id !== "string") return undefined;
  return { type: envelope.type, id: envelope.id };
}
