import { AgenkitError } from "../core/errors.ts";
import type { Agents } from "../transport/directory.ts";
import type { GrpcServer } from "../transport/grpc/server.ts";
import type { ServeOptions } from "./serve.ts";

/** Where `serve` listens for gRPC besides HTTP. */
export interface GrpcListenOptions {
  /** The port to listen at; 0 takes a free one. @default {50051} */
  readonly port?: number | undefined;
  /** The address to listen at. Default: that of HTTP. */
  readonly hostname?: string | undefined;
}

/** Starts the gRPC listener of a server, with what its HTTP one was given. */
export async function listenGrpc(
  agents: Agents,
  options: ServeOptions,
  where: GrpcListenOptions | true,
): Promise<GrpcServer> {
  const { serveGrpc } = await loaded();
  const { port, hostname } = where === true ? {} as GrpcListenOptions : where;
  const { signal: _, ...shared } = options;
  return serveGrpc(agents, {
    ...shared,
    port: port ?? 50_051,
    hostname: hostname ?? options.hostname,
  });
}

async function loaded() {
  try {
    return await import("../transport/grpc/server.ts");
  } catch (cause) {
    throw new AgenkitError("unimplemented", "Cannot serve gRPC: this runtime has no node:http2", {
      cause,
    });
  }
}
