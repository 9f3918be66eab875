/**
 * What every interop suite starts with: its toolchains, or a skip by name.
 *
 * @module
 */
import { test } from "node:test";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Toolchain } from "./toolchain.ts";
import { type ClientPeer, type ServerPeer, startClient, startServer } from "./peers.ts";

/** Our client in a process of its own, on the runtime whose program is given; Deno's is at hand. */
export function ourClient(
  runtime: string,
  program: string = Deno.execPath(),
  env: Record<string, string> = {},
): Promise<ClientPeer> {
  const script = here("call_agents.ts");
  return startClient(program, runtime === "Deno" ? ["run", "-A", script] : [script], env);
}

/**
 * The paths of the toolchains a suite needs. Should one be missing, reports the
 * suite as skipped with the reason and answers undefined; in CI it fails.
 */
export async function needs<const Name extends string>(
  suite: string,
  toolchains: Readonly<Record<Name, Promise<Toolchain>>>,
): Promise<Readonly<Record<Name, string>> | undefined> {
  const found = {} as Record<Name, string>;
  const missing: string[] = [];
  for (const name of Object.keys(toolchains) as Name[]) {
    const toolchain = await toolchains[name];
    if ("missing" in toolchain) missing.push(`${name}: ${toolchain.missing}`);
    else found[name] = toolchain.path;
  }
  if (missing.length === 0) return found;
  const reason = missing.join("; ");
  if (Deno.env.get("CI") === "true") {
    test(`${suite} has its toolchain`, () => assert.fail(reason));
  } else {
    test(`${suite} skipped: ${reason}`, { skip: reason }, () => {});
  }
  return undefined;
}

/** What is ended after its tests, and perhaps can tell that it ended before. */
type Resource = AsyncDisposable & Partial<Pick<ServerPeer, "assertAlive">>;

/** Starts something when it is first needed, and ends it if it was. */
export class Lazy<Value extends Resource> {
  readonly #make: () => Promise<Value>;
  #value: Promise<Value> | undefined;

  constructor(make: () => Promise<Value>) {
    this.#make = make;
  }

  /** It, started; rejects also if it is a server that ended by itself. */
  async get(): Promise<Value> {
    const value = await (this.#value ??= this.#make());
    value.assertAlive?.();
    return value;
  }

  async stop(): Promise<void> {
    const value = this.#value;
    this.#value = undefined;
    await (await value)?.[Symbol.asyncDispose]();
  }
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** A server of the published Python agenkit. */
export function pythonServer(python: string, ...args: string[]): Promise<ServerPeer> {
  return startServer(python, [here("python/server.py"), ...args]);
}

/** A client of the published Python agenkit. */
export function pythonClient(python: string): Promise<ClientPeer> {
  return startClient(python, [here("python/client.py")]);
}

/** The Go stand-in as a server. */
export function goServer(peer: string, ...args: string[]): Promise<ServerPeer> {
  return startServer(peer, ["server", ...args]);
}

/** A client or server of Go's libraries for gRPC, Connect and HTTP/3. */
export function goRpcClient(
  peer: string,
  command: string,
  env: Record<string, string> = {},
): Promise<ClientPeer> {
  return startClient(peer, [command], env);
}

/** A server of Go's libraries: grpc-go, or connect-go for Connect, gRPC-Web and gRPC. */
export function goRpcServer(
  peer: string,
  kind: "grpc" | "connect",
  ...args: string[]
): Promise<ServerPeer> {
  return startServer(peer, ["rpc-server", kind, ...args]);
}

/** The Go stand-in as a client. */
export function goClient(peer: string): Promise<ClientPeer> {
  return startClient(peer, ["client"]);
}

/** Our own server, on the runtime whose program is given; Deno's is at hand. */
export function ourServer(
  runtime: string,
  program: string = Deno.execPath(),
  ...args: string[]
): Promise<ServerPeer> {
  const script = here("serve_agents.ts");
  return startServer(program, [
    ...(runtime === "Deno" ? ["run", "-A", script] : [script]),
    ...args,
  ]);
}
