/**
 * The service as `@grpc/grpc-js` takes it: an implementation of gRPC that
 * shares nothing with ours but the generated messages.
 *
 * @module
 */
import type { Http2Session } from "node:http2";
import { createRequire } from "node:module";
import {
  create,
  type DescMessage,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  AgentService,
  type Request,
  type RequestSchema,
  type Response,
} from "../../src/gen/agent_pb.ts";
import { Health } from "../../src/gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../src/gen/grpc/reflection/v1/reflection_pb.ts";
import { destroyLater } from "../../src/transport/http2/destroy_later.ts";
import { installPackages } from "../runtimes/toolchain.ts";
import type { Toolchain } from "./toolchain.ts";

/** The part of grpc-js that the tests use. */
interface GrpcJs {
  readonly credentials: { createInsecure(): unknown };
  readonly ServerCredentials: { createInsecure(): unknown };
  readonly Metadata: new () => JsMetadata;
  readonly Server: new (options: JsOptions) => JsServer;
  makeGenericClientConstructor(
    definition: unknown,
    name: string,
  ): new (address: string, credentials: unknown, options: JsOptions) => JsChannel;
}

/** Options of a channel or a server, such as `grpc.max_receive_message_length`. */
export type JsOptions = Readonly<Record<string, unknown>>;

/** Headers of grpc-js. */
export interface JsMetadata {
  set(key: string, value: string): void;
  get(key: string): unknown[];
}

interface JsChannel {
  close(): void;
}

/** A server of grpc-js. */
export interface JsServer {
  addService(definition: unknown, handlers: unknown): void;
  bindAsync(
    address: string,
    credentials: unknown,
    done: (error: Error | null, port: number) => void,
  ): void;
  tryShutdown(done: (error?: Error) => void): void;
  forceShutdown(): void;
}

/** A stream on either side. */
export interface JsStream<Out> {
  // deno-lint-ignore no-explicit-any
  on(event: string, listener: (value: any) => void): this;
  write(value: Out): boolean;
  end(): void;
  cancel(): void;
  emit(event: "error", error: unknown): boolean;
  sendMetadata(metadata: JsMetadata): void;
  readonly request: Request;
  readonly metadata: JsMetadata;
  readonly cancelled: boolean;
}

const root = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
const installed = await installPackages(
  new URL("./js/", import.meta.url),
  `${root}/.cache/interop/js`,
);

/** Where grpc-js is, or why it is not. */
export const grpcJs: Toolchain = typeof installed === "string" ? { path: installed } : installed;

let kept = false;

/** Lets the sessions that grpc-js makes end in a turn of their own: on Deno they may end the process. */
function endInTheirTurn(http2: typeof import("node:http2")): void {
  if (kept) return;
  kept = true;
  const { connect, createServer } = http2;
  const made = <Session extends Http2Session>(session: Session) => {
    destroyLater(session);
    return session;
  };
  http2.connect = (...args: unknown[]) => made(Reflect.apply(connect, http2, args));
  http2.createServer = (...args: unknown[]) =>
    Reflect.apply(createServer, http2, args).on("session", made);
}

/** grpc-js itself. */
export function loadGrpcJs(): GrpcJs {
  if (typeof installed !== "string") throw new Error(installed.missing);
  const require = createRequire(`${installed}/`);
  endInTheirTurn(require("node:http2"));
  return require("@grpc/grpc-js") as GrpcJs;
}

/** A service of ours in the terms of grpc-js. */
export function definitionOf(service: DescService): unknown {
  return Object.fromEntries(
    service.methods.map((method) => [method.name, {
      path: `/${service.typeName}/${method.name}`,
      requestStream: method.methodKind === "bidi_streaming",
      responseStream: method.methodKind !== "unary",
      ...codec("request", method.input),
      ...codec("response", method.output),
    }]),
  );
}

function codec<T extends DescMessage>(side: "request" | "response", schema: T) {
  return {
    [`${side}Serialize`]: (value: MessageInitShape<T>) =>
      Buffer.from(toBinary(schema, create(schema, value))),
    [`${side}Deserialize`]: (bytes: Uint8Array): MessageShape<T> => fromBinary(schema, bytes),
  };
}

/** What a call may be given. */
export interface CallInit {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

// deno-lint-ignore no-explicit-any
type Methods = Record<string, (...args: any[]) => any>;

/** A client of grpc-js. */
export class JsClient implements Disposable {
  readonly #clients: readonly JsChannel[];
  readonly agents: Methods;
  readonly health: Methods;
  readonly reflection: Methods;

  constructor(port: number, options: JsOptions = {}) {
    const grpc = loadGrpcJs();
    const make = (service: DescService) =>
      new (grpc.makeGenericClientConstructor(definitionOf(service), service.typeName))(
        `127.0.0.1:${port}`,
        grpc.credentials.createInsecure(),
        options,
      );
    this.#clients = [AgentService, Health, ServerReflection].map(make);
    const [agents, health, reflection] = this.#clients as unknown as Methods[];
    this.agents = agents!;
    this.health = health!;
    this.reflection = reflection!;
  }

  /** Calls a unary method. */
  call<T = Response>(
    client: Methods,
    method: string,
    request: unknown,
    init: CallInit = {},
  ): Promise<T> {
    return new Promise((resolve, reject) =>
      client[method]!(
        request,
        ...argumentsOf(init),
        (error: Error | null, value: T) => error === null ? resolve(value) : reject(error),
      )
    );
  }

  process(request: unknown, init?: CallInit): Promise<Response> {
    return this.call(this.agents, "Process", request, init);
  }

  processStream(request: unknown, init: CallInit = {}): JsStream<never> {
    return this.agents["ProcessStream"]!(request, ...argumentsOf(init));
  }

  converse(init: CallInit = {}): JsStream<unknown> {
    return this.agents["BidirectionalStream"]!(...argumentsOf(init));
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client.close();
  }
}

function argumentsOf({ metadata = {}, deadlineMs }: CallInit): [JsMetadata, JsOptions] {
  const sent = new (loadGrpcJs().Metadata)();
  for (const [key, value] of Object.entries(metadata)) sent.set(key, value);
  return [sent, deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs }];
}

/** A request as an old peer makes it. */
export function requestOf(
  content: string,
  metadata: Record<string, string> = {},
  id = "r-1",
): MessageInitShape<typeof RequestSchema> {
  return {
    version: "1.0",
    id,
    timestamp: "2025-11-13T08:30:00Z",
    method: "process",
    agentName: "echo",
    messages: [{ role: "user", content, metadata, timestamp: "2025-11-13T08:30:00.5Z" }],
  };
}

/** Handlers of a server of grpc-js. */
export interface JsHandlers {
  process?(request: Request, call: JsStream<unknown>): Promise<unknown>;
  processStream?(call: JsStream<unknown>): void;
  bidirectionalStream?(call: JsStream<unknown>): void;
}

/** A server of grpc-js at a port of its own. */
export async function jsServer(
  handlers: JsHandlers,
  options: JsOptions = {},
  at = 0,
): Promise<{ port: number; server: JsServer } & AsyncDisposable> {
  const grpc = loadGrpcJs();
  const server = new grpc.Server(options);
  server.addService(definitionOf(AgentService), {
    ...(handlers.process && {
      Process: (
        call: JsStream<unknown>,
        answer: (error: unknown, value?: unknown) => void,
      ) =>
        void handlers.process!(call.request, call).then(
          (value) => answer(null, value),
          (error) => answer(error),
        ),
    }),
    ...(handlers.processStream && { ProcessStream: handlers.processStream }),
    ...(handlers.bidirectionalStream && { BidirectionalStream: handlers.bidirectionalStream }),
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(
      `127.0.0.1:${at}`,
      grpc.ServerCredentials.createInsecure(),
      (error, bound) => error === null ? resolve(bound) : reject(error),
    )
  );
  return {
    port,
    server,
    [Symbol.asyncDispose]: () => Promise.resolve(server.forceShutdown()),
  };
}

/** The numbers of gRPC's statuses. */
export const status = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;
