import type { Clock } from "../../core/clock.ts";
import type { ContextValues } from "../../core/context.ts";
import type { AgenkitError } from "../../core/errors.ts";
import {
  checkBoolean,
  checkClock,
  checkFunction,
  checkLimit,
  checkNumber,
  checkOptions,
  checkText,
} from "../../core/options.ts";
import { checkContentMode, type ContentMode } from "../../protocol/encode.ts";
import { MAX_MESSAGE_BYTES } from "../../protocol/limits.ts";
import type { CorsOptions } from "./origin.ts";

/** Options of {@linkcode httpHandler}. */
export interface HttpHandlerOptions {
  /** Which agent answers when a client names none. Default: the first. */
  readonly defaultAgent?: string | undefined;
  /** What all paths begin with, such as `"/api"`. @default {""} */
  readonly basePath?: string | undefined;
  /** The most bytes of a request, an answer or a chunk. @default {10485760} */
  readonly maxBytes?: number | undefined;
  /** How long the body of a request may take to arrive, in milliseconds. @default {30000} */
  readonly bodyTimeoutMs?: number | undefined;
  /**
   * The longest time an agent may take, in milliseconds: the cap of what
   * clients ask for, and what holds when they ask for nothing. @default {600000}
   */
  readonly maxTimeoutMs?: number | undefined;
  /** How many calls may run at once; more are refused with 503. @default {1000} */
  readonly maxInFlight?: number | undefined;
  /** Whether tool calls in the metadata of requests reach the agents. @default {false} */
  readonly trustToolCalls?: boolean | undefined;
  /**
   * Which web pages of other origins may call: `true` for all. Without it a
   * browser's request from another origin is refused with 403. @default {false}
   */
  readonly cors?: CorsOptions | boolean | undefined;
  /** Whether answers of 1 KiB and more are compressed for clients that take gzip. @default {false} */
  readonly compression?: boolean | undefined;
  /** How content that is no string is written; `"json"` only if no client is in Go. @default {"text"} */
  readonly content?: ContentMode | undefined;
  /**
   * Makes the values that agents find in `call.values` from a request, or
   * refuses it by throwing (an `AgenkitError` with code `unauthenticated` gives 401).
   */
  readonly context?: ((request: Request) => ContextValues | Promise<ContextValues>) | undefined;
  /**
   * The text that clients get of an agent's failure; `The agent failed`, should it throw.
   * Default: the error's message, never its stack.
   */
  readonly errorText?: ((error: AgenkitError) => string) | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

const ACTION = "serve over HTTP";

/** Options that were checked, with the defaults of those that calls need. */
export interface CheckedOptions extends HttpHandlerOptions {
  /** Without a slash at its end. */
  readonly basePath: string;
  readonly maxBytes: number;
  readonly bodyTimeoutMs: number;
  readonly maxTimeoutMs: number;
  readonly maxInFlight: number;
  readonly clock: Clock;
}

/**
 * Checks what {@linkcode httpHandler} is given.
 *
 * @throws {TypeError} If an option is of a wrong type.
 * @throws {RangeError} If an option is out of bounds.
 */
export function checked(options: HttpHandlerOptions): CheckedOptions {
  checkOptions(ACTION, options);
  checkText(ACTION, "basePath", options.basePath);
  checkBoolean(ACTION, "trustToolCalls", options.trustToolCalls);
  checkBoolean(ACTION, "compression", options.compression);
  checkContentMode(ACTION, options.content);
  checkFunction(ACTION, "context", options.context);
  checkFunction(ACTION, "errorText", options.errorText);
  return {
    ...options,
    basePath: `/${options.basePath ?? ""}`.replace(/\/+/g, "/").replace(/\/$/, ""),
    maxBytes: checkLimit(ACTION, "maxBytes", options.maxBytes ?? MAX_MESSAGE_BYTES),
    bodyTimeoutMs: checkLimit(ACTION, "bodyTimeoutMs", options.bodyTimeoutMs ?? 30_000),
    maxTimeoutMs: checkLimit(ACTION, "maxTimeoutMs", options.maxTimeoutMs ?? 600_000),
    maxInFlight: checkNumber(ACTION, "maxInFlight", options.maxInFlight ?? 1000, {
      min: 1,
      integer: true,
      infinite: true,
    }),
    clock: checkClock(ACTION, options.clock),
  };
}
