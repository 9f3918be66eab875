import type { MessageInitShape } from "@bufbuild/protobuf";
import type { AgenkitError } from "../../core/errors.ts";
import type { Message } from "../../core/message.ts";
import { timestamp } from "../../core/timestamp.ts";
import {
  ChunkType,
  type Request as ProtoRequest,
  type ResponseSchema,
  ResponseType,
  type StreamChunkSchema,
} from "../../gen/agent_pb.ts";
import { UNKNOWN_ID } from "../../protocol/envelope.ts";
import { PROTOCOL_VERSION } from "../../protocol/limits.ts";
import { writeProtoError } from "./proto_error.ts";
import { writeProtoMessage } from "./proto_message.ts";

/** A response as it is to be written. */
export type ResponseInit = MessageInitShape<typeof ResponseSchema>;

/** A chunk of a stream as it is to be written. */
export type ChunkInit = MessageInitShape<typeof StreamChunkSchema>;

/** The response with an agent's answer, or with what it failed with. */
export function responseTo(request: ProtoRequest, outcome: Outcome): ResponseInit {
  return "error" in outcome
    ? { ...head(request), type: ResponseType.ERROR, error: writeProtoError(outcome.error) }
    : { ...head(request), type: ResponseType.MESSAGE, message: writeProtoMessage(outcome.message) };
}

/** The chunk with a part of an agent's answer, or with what it failed with; without either the end. */
export function chunkTo(request: ProtoRequest, outcome?: Outcome): ChunkInit {
  if (outcome === undefined) return { ...head(request), type: ChunkType.END };
  return "error" in outcome
    ? { ...head(request), type: ChunkType.ERROR, error: writeProtoError(outcome.error) }
    : { ...head(request), type: ChunkType.MESSAGE, message: writeProtoMessage(outcome.message) };
}

/** What an agent has said, or failed with. */
type Outcome = { readonly message: Message } | { readonly error: AgenkitError };

/** What every answer begins with. */
function head(request: ProtoRequest) {
  return { version: PROTOCOL_VERSION, id: request.id || UNKNOWN_ID, timestamp: timestamp() };
}
