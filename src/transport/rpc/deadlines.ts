/** The longest time that timers of JavaScript can wait: they fire at once for more. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Two timers of one deadline do not fire at once: by so much they may differ. */
export const DEADLINE_SLACK_MS = 10;

const GRPC_TIMEOUT = "grpc-timeout";
const CONNECT_TIMEOUT = "connect-timeout-ms";

/** Milliseconds of the units of `grpc-timeout`. */
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/** Whether the deadline of a request is further away than a timer can wait: then it has none. */
export function isBeyondTimers(header: Headers): boolean {
  const connect = header.get(CONNECT_TIMEOUT);
  if (connect !== null) return Number(connect) > MAX_TIMER_MS;
  const match = /^(\d{1,8})([HMSmun])$/.exec(header.get(GRPC_TIMEOUT) ?? "");
  return match !== null && Number(match[1]) * UNIT_MS[match[2]!]! > MAX_TIMER_MS;
}

/** The headers of a request without its deadline. */
export function withoutDeadline(header: Headers): Headers {
  const copy = new Headers(header);
  copy.delete(CONNECT_TIMEOUT);
  copy.delete(GRPC_TIMEOUT);
  return copy;
}

/** The time left as a client may send it: whole milliseconds, none if there is no end. */
export function timeoutToSend(timeLeft: number | undefined): number | undefined {
  if (timeLeft === undefined || timeLeft > MAX_TIMER_MS) return undefined;
  return Math.max(1, Math.ceil(timeLeft));
}
