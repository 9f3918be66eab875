/**
 * A gRPC server that answers what it is told to, right or wrong.
 *
 * @module
 */
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  ChunkType,
  RequestSchema,
  ResponseSchema,
  ResponseType,
  StreamChunkSchema,
} from "../../../../src/gen/agent_pb.ts";
import { destroyLater } from "../../../../src/transport/http2/destroy_later.ts";
import { framed } from "./raw.ts";

/** What a script may do with a call. */
export interface ScriptedCall {
  readonly stream: ServerHttp2Stream;
  /** The frame of a good response. */
  readonly response: Uint8Array;
  /** The frame of a good chunk. */
  chunk(content: string): Uint8Array;
  /** Answers with a body, and trailers if there are any. */
  answer(how: {
    readonly headers?: Record<string, string | number>;
    readonly body?: Uint8Array;
    readonly trailers?: Record<string, string>;
  }): void;
}

/** A server that does with each call what a script says. */
export interface ScriptedServer extends AsyncDisposable {
  readonly url: string;
  /** How the streams of calls have ended, by their HTTP/2 error code. */
  readonly resets: readonly (number | undefined)[];
}

/** Starts one. */
export async function scriptedServer(
  script: (call: ScriptedCall) => void,
): Promise<ScriptedServer> {
  const resets: (number | undefined)[] = [];
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  server.on("session", (session) => {
    destroyLater(session);
    sessions.add(session);
    session.on("error", () => session.destroy());
  });
  server.on("stream", (stream: ServerHttp2Stream) => {
    const pieces: Uint8Array[] = [];
    stream.on("error", () => {});
    stream.once("close", () => resets.push(stream.rstCode));
    stream.on("data", (piece: Uint8Array) => pieces.push(piece));
    stream.once("end", () => {
      const frame = new Uint8Array(pieces.flatMap((piece) => [...piece]));
      const { id } = fromBinary(RequestSchema, frame.subarray(5));
      script({
        stream,
        response: framed(toBinary(ResponseSchema, create(ResponseSchema, responseTo(id)))),
        chunk: (content) => framed(toBinary(StreamChunkSchema, chunkTo(id, content))),
        answer: ({ headers, body, trailers }) => {
          stream.respond({
            ":status": 200,
            "content-type": "application/grpc",
            ...headers,
          }, { waitForTrailers: trailers !== undefined });
          stream.once("wantTrailers", () => stream.sendTrailers(trailers!));
          if (body === undefined) stream.end();
          else stream.end(body);
        },
      });
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return {
    url: `grpc://127.0.0.1:${(server.address() as AddressInfo).port}`,
    resets,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function responseTo(id: string): MessageInitShape<typeof ResponseSchema> {
  return { id, type: ResponseType.MESSAGE, message: { role: "agent", content: "good" } };
}

function chunkTo(id: string, content: string) {
  return create(
    StreamChunkSchema,
    content === ""
      ? { id, type: ChunkType.END }
      : { id, type: ChunkType.MESSAGE, message: { role: "agent", content } },
  );
}
