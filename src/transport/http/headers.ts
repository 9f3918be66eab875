/** How many milliseconds the caller still waits; a header of every request that has a deadline. */
export const TIMEOUT_HEADER = "agenkit-timeout-ms";

/** The content type of envelopes. */
export const JSON_TYPE = "application/json";

/** The content type of streams. */
export const EVENT_STREAM_TYPE = "text/event-stream";

/** Reads `Retry-After`, which holds seconds or a date, as milliseconds from now. */
export function readRetryAfter(value: string | null, now: number = Date.now()): number | undefined {
  if (value === null || value.trim() === "") return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return seconds < 0 ? undefined : seconds * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Writes `Retry-After`: whole seconds, rounded up so that nobody comes too early. */
export function writeRetryAfter(ms: number): string {
  return String(Math.min(Math.max(0, Math.ceil(ms / 1000)), Number.MAX_SAFE_INTEGER));
}
