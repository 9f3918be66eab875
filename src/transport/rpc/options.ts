import type { Clock } from "../../core/clock.ts";
import type { ContextValues } from "../../core/context.ts";
import type { AgenkitError } from "../../core/errors.ts";

/** The most bytes of a message over gRPC, as Python and Go peers have it: 4 MiB. */
export const MAX_RPC_BYTES: number = 4 * 1024 * 1024;

/** Options of every server that speaks gRPC, gRPC-Web or Connect. */
export interface RpcServerOptions {
  /** Which agent answers when a client names none. Default: the first. */
  readonly defaultAgent?: string | undefined;
  /** The most bytes of a request, an answer or a chunk, after decompression. @default {4194304} */
  readonly maxBytes?: number | undefined;
  /** How long a request may take to arrive, in milliseconds. @default {30000} */
  readonly bodyTimeoutMs?: number | undefined;
  /**
   * The longest time an agent may take, in milliseconds: the cap of the
   * deadlines of clients, and what holds when they set none. @default {600000}
   */
  readonly maxTimeoutMs?: number | undefined;
  /** How many calls may run at once; more are refused with `unavailable`. @default {1000} */
  readonly maxInFlight?: number | undefined;
  /** How many requests of one bidirectional stream may run at once. @default {8} */
  readonly maxConcurrent?: number | undefined;
  /** Whether tool calls in the metadata of requests reach the agents. @default {false} */
  readonly trustToolCalls?: boolean | undefined;
  /**
   * Whether content that is JSON text reaches agents as its value, for Python
   * and Go peers, which cannot say that they mean one. @default {false}
   */
  readonly parseContent?: boolean | undefined;
  /** Whether the reflection service tells what is served. @default {true} */
  readonly reflection?: boolean | undefined;
  /**
   * Makes the values that agents find in `call.values` from a request (its URL
   * and headers), or refuses it by throwing (an `AgenkitError` with code
   * `unauthenticated` gives that status).
   */
  readonly context?: ((request: Request) => ContextValues | Promise<ContextValues>) | undefined;
  /** The text that clients get of an agent's failure. Default: the error's message, never its stack. */
  readonly errorText?: ((error: AgenkitError) => string) | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}
