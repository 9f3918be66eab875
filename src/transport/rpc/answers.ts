import { AgenkitError } from "../../core/errors.ts";
import { describe } from "../../core/json.ts";
import type { Message } from "../../core/message.ts";
import {
  ChunkType,
  type Message as ProtoMessage,
  type Response as ProtoResponse,
  ResponseType,
  type StreamChunk,
} from "../../gen/agent_pb.ts";
import { UNKNOWN_ID } from "../../protocol/envelope.ts";
import { readProtoError } from "./proto_error.ts";
import { readProtoMessage } from "./proto_message.ts";

/** Reads what a server answers: messages, its failures, and what is neither. */
export class Answers {
  readonly #url: string;
  readonly #parseContent: boolean | undefined;

  /** @param url Names the server in error messages. */
  constructor(url: string, parseContent: boolean | undefined) {
    this.#url = url;
    this.#parseContent = parseContent;
  }

  /**
   * The message of a response.
   *
   * @param id That of the request.
   * @throws {AgenkitError} The failure that it tells of, or `internal` if it is of no use.
   */
  response(response: ProtoResponse, id: string): Message {
    this.#checkId(response.id, id);
    if (response.type === ResponseType.ERROR) throw readProtoError(response.error);
    if (response.type === ResponseType.MESSAGE && response.message !== undefined) {
      return this.#read(response.message);
    }
    throw this.#unusable(`expected a message, got a response of type ${response.type}`);
  }

  /**
   * The message of a chunk; `undefined` if it is the end of the stream.
   *
   * @param id That of the request.
   * @throws {AgenkitError} The failure that it tells of, or `internal` if it is of no use.
   */
  chunk(chunk: StreamChunk, id: string): Message | undefined {
    this.#checkId(chunk.id, id);
    if (chunk.type === ChunkType.END) return undefined;
    if (chunk.type === ChunkType.ERROR) throw readProtoError(chunk.error);
    // Go's server hides a failure so.
    if (chunk.type === ChunkType.MESSAGE && chunk.message !== undefined) {
      return this.#read(chunk.message);
    }
    throw this.#unusable(`expected a chunk with a message, got one of type ${chunk.type} without`);
  }

  /** What to throw when a stream ends before it has said all. */
  endedEarly(expected: string): AgenkitError {
    return new AgenkitError(
      "unavailable",
      `The stream of ${this.#url} ended too early: expected ${expected}`,
    );
  }

  #read(message: ProtoMessage): Message {
    try {
      return readProtoMessage(message, "agent", this.#parseContent);
    } catch (cause) {
      throw this.#unusable((cause as Error).message, cause);
    }
  }

  #checkId(got: string, id: string): void {
    if (got === id || got === UNKNOWN_ID) return;
    throw this.#unusable(`expected id ${id}, got ${describe(got)}`);
  }

  #unusable(why: string, cause?: unknown): AgenkitError {
    return new AgenkitError("internal", `The answer of ${this.#url} cannot be used: ${why}`, {
      cause,
      retryable: false,
    });
  }
}
