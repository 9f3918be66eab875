import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { MethodImplSpec } from "@connectrpc/connect";
import {
  createMethodSerializationLookup,
  createMethodUrl,
  type MethodSerializationLookup,
  type Serialization,
} from "@connectrpc/connect/protocol";
import type { CallLimits } from "../rpc/answer_call.ts";
import type { CallContext } from "../rpc/call_context.ts";

/** A message of any type. */
export type AnyMessage = MessageShape<DescMessage>;

/** A message as it is to be written. */
export type AnyInit = MessageInitShape<DescMessage>;

/** A method of a server, whatever its messages are. */
export interface GrpcMethod {
  readonly path: string;
  /** What an answer is made of. */
  readonly output: DescMessage;
  /** Whether a call has one request. */
  readonly oneRequest: boolean;
  /** Whether a call has one answer. */
  readonly oneAnswer: boolean;
  /** How requests are read: as protobuf, or as its JSON. */
  requests(binary: boolean): Serialization<AnyMessage>;
  /** How answers are written. */
  answers(binary: boolean): Serialization<AnyMessage>;
  /** Answers: takes a request or all of them, and returns an answer or all of them. */
  answer(input: unknown, context: CallContext): unknown;
}

/** Where a method is, and how its messages are read and written. */
export interface MethodFormat<I extends DescMessage, O extends DescMessage> {
  readonly path: string;
  readonly formats: MethodSerializationLookup<I, O>;
}

/** @param maxBytes The most bytes of a message, either way. */
export function formatOf<I extends DescMessage, O extends DescMessage>(
  method: DescMethod & { readonly input: I; readonly output: O },
  maxBytes: number,
): MethodFormat<I, O> {
  return {
    path: createMethodUrl("/", method),
    formats: createMethodSerializationLookup<I, O>(method, undefined, undefined, {
      readMaxBytes: maxBytes,
      writeMaxBytes: maxBytes,
    }),
  };
}

/** Makes a method ready to be called. */
export function grpcMethod(
  { kind, method, impl }: MethodImplSpec,
  { maxBytes }: CallLimits,
): GrpcMethod {
  const { path, formats } = formatOf<DescMessage, DescMessage>(method, maxBytes);
  return {
    path,
    output: method.output,
    oneRequest: kind === "unary" || kind === "server_streaming",
    oneAnswer: kind === "unary" || kind === "client_streaming",
    requests: formats.getI,
    answers: formats.getO,
    answer: impl as GrpcMethod["answer"],
  };
}
