/**
 * A client of HTTP/2 that says what it is told to, right or wrong.
 *
 * @module
 */
import { connect } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { RequestSchema } from "../../../../src/gen/agent_pb.ts";
import { destroyLater } from "../../../../src/transport/http2/destroy_later.ts";

/** What became of a raw call. */
export interface RawAnswer {
  readonly status: number;
  readonly grpcStatus: string | undefined;
  readonly grpcMessage: string | undefined;
  readonly body: Uint8Array;
}

/** How a raw call is made. */
export interface RawCall {
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array;
  /** Resets the stream after so many bytes came. */
  readonly resetAfter?: number;
}

/** A gRPC frame around a request with one message. */
export function frameOf(content: string): Uint8Array {
  return framed(
    toBinary(
      RequestSchema,
      create(RequestSchema, { id: "1", messages: [{ role: "user", content }] }),
    ),
  );
}

/** A gRPC frame, whose head may lie. */
export function framed(
  bytes: Uint8Array,
  { flags = 0, length = bytes.length }: { flags?: number; length?: number } = {},
): Uint8Array {
  const frame = new Uint8Array(5 + bytes.length);
  frame[0] = flags;
  new DataView(frame.buffer).setUint32(1, length);
  frame.set(bytes, 5);
  return frame;
}

/** Makes one call on a connection of its own. */
export function rawCall(url: string, call: RawCall): Promise<RawAnswer> {
  const { path = "/agenkit.AgentService/Process", headers, body, resetAfter } = call;
  const session = connect(url.replace("grpc://", "http://"));
  destroyLater(session);
  return new Promise<RawAnswer>((resolve, reject) => {
    session.on("error", reject);
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    const chunks: Uint8Array[] = [];
    let seen: Record<string, unknown> = {};
    stream.on("response", (got) => seen = { ...seen, ...got });
    stream.on("trailers", (got) => seen = { ...seen, ...got });
    stream.on("data", (chunk: Uint8Array) => {
      chunks.push(chunk);
      const size = chunks.reduce((sum, { length }) => sum + length, 0);
      if (resetAfter !== undefined && size >= resetAfter) stream.close(8);
    });
    stream.on("error", reject);
    stream.on("close", () =>
      resolve({
        status: Number(seen[":status"]),
        grpcStatus: seen["grpc-status"] as string | undefined,
        grpcMessage: seen["grpc-message"] as string | undefined,
        body: new Uint8Array(chunks.flatMap((chunk) => [...chunk])),
      }));
    stream.end(body);
  }).finally(() => session.close());
}
