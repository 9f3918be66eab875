import { createContextKey, createContextValues } from "@connectrpc/connect";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import type { Clock } from "../../core/clock.ts";
import type { CallContext } from "./call_context.ts";

/** The longest time that timers of JavaScript can wait: they fire at once for more. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Whether a deadline is so far away that there is none. */
export function isTooFar(timeoutMs: number): boolean {
  return timeoutMs > MAX_TIMER_MS;
}

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

/**
 * How many milliseconds a request may take by its header; undefined if it does
 * not say, or says what cannot be read.
 */
export function timeoutOf(header: Headers): number | undefined {
  const connect = header.get(CONNECT_TIMEOUT);
  if (connect !== null) return /^\d{1,10}$/.test(connect) ? Number(connect) : undefined;
  const match = /^(\d{1,8})([HMSmun])$/.exec(header.get(GRPC_TIMEOUT) ?? "");
  return match === null ? undefined : Number(match[1]) * UNIT_MS[match[2]!]!;
}

/** When a call has to be answered, on the server's clock. */
const DEADLINE = createContextKey<number | undefined>(undefined);

/**
 * Takes the deadline of a request from the library, which would keep it by a
 * timer of its own for each call. Timers cannot wait for one that is very far
 * away: there is none then.
 *
 * @param kept Whether the deadline is kept here, see {@linkcode timeLeftOf}.
 */
export function takeDeadline(call: UniversalServerRequest, kept: boolean, clock: Clock): void {
  const timeoutMs = timeoutOf(call.header);
  // The library has an answer for what is over before it begins.
  if (timeoutMs === undefined || timeoutMs <= 0) return;
  const tooFar = isTooFar(timeoutMs);
  if (!tooFar && !kept) return;
  call.header = withoutDeadline(call.header);
  if (!tooFar) {
    call.contextValues = createContextValues().set(DEADLINE, clock.now() + timeoutMs);
  }
}

/** How many milliseconds are left to answer a call; undefined if its client did not say. */
export function timeLeftOf(context: CallContext, clock: Clock): number | undefined {
  const deadline = context.values.get(DEADLINE);
  return deadline === undefined ? context.timeoutMs() : deadline - clock.now();
}

function withoutDeadline(header: Headers): Headers {
  const copy = new Headers(header);
  copy.delete(CONNECT_TIMEOUT);
  copy.delete(GRPC_TIMEOUT);
  return copy;
}

/** The header by which a protocol says how many milliseconds a call may take. */
export type TimeoutHeader = (ms: number) => readonly [name: string, value: string];

/** That of gRPC and gRPC-Web, whose numbers have eight digits. */
export const grpcTimeout: TimeoutHeader = (ms) => [
  GRPC_TIMEOUT,
  ms < 100_000_000 ? `${ms}m` : `${Math.ceil(ms / 1000)}S`,
];

/** That of Connect. */
export const connectTimeout: TimeoutHeader = (ms) => [CONNECT_TIMEOUT, `${ms}`];

/** The time left as a client may send it: whole milliseconds, none if there is no end. */
export function timeoutToSend(timeLeft: number | undefined): number | undefined {
  if (timeLeft === undefined || isTooFar(timeLeft)) return undefined;
  return Math.max(1, Math.ceil(timeLeft));
}
