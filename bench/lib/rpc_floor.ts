/**
 * What gRPC costs without agenkit, with the same proto: bare connect-node, and
 * bare grpc-js, each with a server and a client in this process.
 *
 * @module
 */
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node";
import { AgentService, ChunkType, type Request, ResponseType } from "../../src/gen/agent_pb.ts";
import {
  definitionOf,
  JsClient,
  type JsStream,
  loadGrpcJs,
  requestOf,
} from "../../tests/interop/grpc_js.ts";

/** A server and a client that agenkit has no part in. */
export interface RpcFloor {
  /** Sends a text and reads it back. */
  process(content: string): Promise<unknown>;
  /** Sends a text and reads it back in chunks. */
  stream(content: string): Promise<number>;
}

const answerTo = ({ version, id, messages: [message] }: Request) => ({
  version,
  id,
  timestamp: new Date().toISOString(),
  type: ResponseType.MESSAGE,
  message: message!,
});

function* chunksTo({ version, id, messages: [message] }: Request, count: number) {
  const { role, content, metadata } = message!;
  const size = content.length / count;
  for (let index = 0; index < count; index++) {
    const timestamp = new Date().toISOString();
    const part = content.slice(index * size, (index + 1) * size);
    const sent = { role, content: part, metadata, timestamp };
    yield { version, id, timestamp, type: ChunkType.MESSAGE, message: sent };
  }
  yield { version, id, timestamp: new Date().toISOString(), type: ChunkType.END };
}

/** connect-node, whose Connect and gRPC-Web agenkit speaks. */
export async function connectNodeFloor(chunks: number): Promise<RpcFloor> {
  const server = createServer(connectNodeAdapter({
    routes: (router) =>
      void router.service(AgentService, {
        process: answerTo,
        async *processStream(request) {
          yield* chunksTo(request, chunks);
        },
      }),
  }));
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const transport = createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` });
  const client = createClient(AgentService, transport);
  return {
    process: (content) => client.process(requestOf(content)),
    async stream(content) {
      let length = 0;
      for await (const chunk of client.processStream(requestOf(content))) {
        length += chunk.message?.content.length ?? 0;
      }
      return length;
    },
  };
}

/** grpc-js, which shares nothing with agenkit but the generated messages. */
export async function grpcJsFloor(chunks: number): Promise<RpcFloor> {
  const { Server, ServerCredentials } = loadGrpcJs();
  const server = new Server({});
  server.addService(definitionOf(AgentService), {
    Process: (call: { request: Request }, done: (error: null, value: unknown) => void) =>
      done(null, answerTo(call.request)),
    ProcessStream: (call: JsStream<unknown>) => {
      for (const chunk of chunksTo(call.request, chunks)) call.write(chunk);
      call.end();
    },
    BidirectionalStream: (call: JsStream<unknown>) => call.end(),
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(
      "127.0.0.1:0",
      ServerCredentials.createInsecure(),
      (error, port) => error === null ? resolve(port) : reject(error),
    )
  );
  const client = new JsClient(port);
  return {
    process: (content) => client.process(requestOf(content)),
    stream: (content) =>
      new Promise((resolve, reject) => {
        let length = 0;
        client.processStream(requestOf(content))
          .on("data", (chunk) => length += chunk.message?.content.length ?? 0)
          .on("error", reject)
          .on("end", () => resolve(length));
      }),
  };
}
