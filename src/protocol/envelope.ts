import type { AgenkitError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import type { Message } from "../core/message.ts";

/** The id of an envelope whose real one is not known, as Python and Go peers write it. */
export const UNKNOWN_ID = "unknown";

/** What asks an agent for an answer. */
export interface RequestEnvelope {
  /** Which envelope it is. */
  readonly type: "request";
  /** Ties the answer to it. */
  readonly id: string;
  /** `process`, `stream`, or whatever a peer wrote. */
  readonly method: string;
  /** Which agent is meant, where the peer says so. */
  readonly agentName?: string | undefined;
  /** How many milliseconds the caller still waits, where the peer says so. */
  readonly timeoutMs?: number | undefined;
  /** What is asked. */
  readonly message: Message;
}

/** One answer, or one chunk of a stream. */
export interface MessageEnvelope {
  /** Which envelope it is. */
  readonly type: "response" | "stream_chunk";
  /** The request's id. */
  readonly id: string;
  /** What is answered. */
  readonly message: Message;
}

/** The end of a stream that went well. */
export interface StreamEndEnvelope {
  /** Which envelope it is. */
  readonly type: "stream_end";
  /** The request's id. */
  readonly id: string;
}

/** A failure. */
export interface ErrorEnvelope {
  /** Which envelope it is. */
  readonly type: "error";
  /** The request's id, or `unknown`. */
  readonly id: string;
  /** What went wrong, as the one error class. */
  readonly error: AgenkitError;
}

/** What peers reserve for registries; carried as it is. */
export interface ControlEnvelope {
  /** Which envelope it is. */
  readonly type: "heartbeat" | "register" | "unregister";
  /** Ties an answer to it. */
  readonly id: string;
  /** Whatever it says. */
  readonly payload: JsonObject;
}

/** The unit of every transport but gRPC. */
export type Envelope =
  | RequestEnvelope
  | MessageEnvelope
  | StreamEndEnvelope
  | ErrorEnvelope
  | ControlEnvelope;

/** Which envelope it is. */
export type EnvelopeType = Envelope["type"];
