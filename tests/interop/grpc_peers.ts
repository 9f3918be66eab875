/**
 * The servers of the gRPC suites, each in a process of its own.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { type ServerPeer, startServer } from "./peers.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** A gRPC server of the published Python agenkit. */
export function pythonGrpcServer(python: string, ...args: string[]): Promise<ServerPeer> {
  return startServer(python, [here("python/grpc_server.py"), ...args]);
}

/** Our own gRPC server, on the runtime whose program is given; Deno's is at hand. */
export function ourGrpcServer(
  runtime: string = "Deno",
  program: string = Deno.execPath(),
  ...args: string[]
): Promise<ServerPeer> {
  const script = here("grpc_serve_agents.ts");
  return startServer(program, [
    ...(runtime === "Deno" ? ["run", "-A", script] : [script]),
    ...args,
  ]);
}

/** Where a peer is found over gRPC. */
export function grpcUrl({ port }: { readonly port: number }): string {
  return `grpc://127.0.0.1:${port}`;
}
