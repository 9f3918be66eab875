/**
 * The envelopes of agenkit, as whoever does without it writes and reads them.
 *
 * @module
 */
import type { JsonObject } from "../../mod.ts";

/** What is read of an envelope. */
export interface Wire {
  readonly type: string;
  readonly id: string;
  readonly payload: { readonly message: { readonly content: string } };
}

/** An envelope as JSON text. */
export function envelope(type: string, id: string, payload: unknown): string {
  return JSON.stringify({
    version: "1.0",
    type,
    id,
    timestamp: new Date().toISOString(),
    payload,
  });
}

/** The payload of an envelope that carries a message of now. */
export function said(role: string, content: string): { readonly message: JsonObject } {
  return { message: { role, content, metadata: {}, timestamp: new Date().toISOString() } };
}
