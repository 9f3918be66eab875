import type { HandlerContext } from "@connectrpc/connect";
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { type Clock, systemClock } from "../../core/clock.ts";
import { checkLimit } from "../../core/options.ts";
import { limitBody } from "./body_deadline.ts";
import { takeDeadline } from "./deadlines.ts";
import { MAX_RPC_BYTES, type RpcServerOptions } from "./options.ts";
import { blameClient } from "./unreadable.ts";

/** What a server holds all calls to. */
export interface CallLimits {
  /** The most bytes of a message. */
  readonly maxBytes: number;
  /** How long a request may take to arrive, in milliseconds. */
  readonly bodyTimeoutMs: number;
  readonly clock: Clock;
}

/** @param action What cannot be done; begins the text of errors about options. */
export function limitsOf(action: string, options: RpcServerOptions): CallLimits {
  return {
    // There are no larger ones: the length of a message has four bytes.
    maxBytes: Math.min(
      checkLimit(action, "maxBytes", options.maxBytes ?? MAX_RPC_BYTES),
      0xffffffff,
    ),
    bodyTimeoutMs: checkLimit(action, "bodyTimeoutMs", options.bodyTimeoutMs ?? 30_000),
    clock: options.clock ?? systemClock,
  };
}

/** The limits that the RPC library keeps by itself. */
export function libraryLimits({ maxBytes }: CallLimits): {
  readonly readMaxBytes: number;
  readonly writeMaxBytes: number;
  readonly requestGate: (context: HandlerContext) => void;
} {
  return { readMaxBytes: maxBytes, writeMaxBytes: maxBytes, requestGate: blameClient };
}

/** Lets a method of the RPC library answer a call, within all limits. */
export async function answerCall(
  method: UniversalHandler,
  call: UniversalServerRequest,
  { bodyTimeoutMs, clock }: CallLimits,
): Promise<UniversalServerResponse> {
  // Whoever answers once, keeps the time for it.
  takeDeadline(call, method.method.methodKind === "unary", clock);
  // A bidirectional stream sends its requests when it likes.
  if (method.method.methodKind === "bidi_streaming") return await method(call);
  const release = limitBody(call, bodyTimeoutMs, clock);
  try {
    return await method(call);
  } finally {
    release();
  }
}
