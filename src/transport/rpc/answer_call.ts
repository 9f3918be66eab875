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

/** Lets a method of the RPC library answer a call, within the limits of a server. */
export type CallAnswerer = (
  method: UniversalHandler,
  call: UniversalServerRequest,
) => Promise<UniversalServerResponse>;

/** The limits of a server as the RPC library takes them, and what holds calls to the others. */
export function limitsOf(action: string, options: RpcServerOptions): {
  readonly readMaxBytes: number;
  readonly writeMaxBytes: number;
  readonly requestGate: (context: HandlerContext) => void;
  readonly answer: CallAnswerer;
} {
  // The library knows no larger ones: the length of a message has four bytes.
  const maxBytes = Math.min(
    checkLimit(action, "maxBytes", options.maxBytes ?? MAX_RPC_BYTES),
    0xffffffff,
  );
  const bodyTimeoutMs = checkLimit(action, "bodyTimeoutMs", options.bodyTimeoutMs ?? 30_000);
  const clock: Clock = options.clock ?? systemClock;
  return {
    readMaxBytes: maxBytes,
    writeMaxBytes: maxBytes,
    requestGate: blameClient,
    async answer(method, call) {
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
    },
  };
}
