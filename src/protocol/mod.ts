/**
 * The wire that agenkit speaks in every language, as pure functions: envelopes,
 * errors, events and limits.
 *
 * @module
 */
export { decodeEnvelope, EnvelopeError } from "./decode.ts";
export {
  type ContentMode,
  encodeControl,
  encodeError,
  encodeMessage,
  encodeRequest,
  encodeStreamEnd,
  type RequestFields,
} from "./encode.ts";
export {
  type ControlEnvelope,
  type Envelope,
  type EnvelopeType,
  type ErrorEnvelope,
  type MessageEnvelope,
  type RequestEnvelope,
  type StreamEndEnvelope,
  UNKNOWN_ID,
} from "./envelope.ts";
export { checkSize, MAX_MESSAGE_BYTES, PROTOCOL_VERSION, tooLarge } from "./limits.ts";
export { readEvents, writeEvent } from "./sse.ts";
export { codeFromHttp, codeFromWire, httpFromCode, wireFromCode } from "./status.ts";
export { withoutToolCalls } from "./trust.ts";
export { type ErrorPayload, readError, toAgenkitError, writeError } from "./wire_error.ts";
export { readTimestamp } from "./wire_timestamp.ts";
