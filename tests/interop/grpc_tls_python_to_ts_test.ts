// The gRPC client of the published Python agenkit calls our servers over TLS, on
// Deno, Node and Bun: at gRPC's own port and at the one port.
import { test } from "node:test";
import assert from "node:assert/strict";
import { ourGrpcServer } from "./grpc_peers.ts";
import type { ServerPeer, TlsFiles } from "./peers.ts";
import { Lazy, needs, ourServer, pythonClient } from "./suite.ts";
import { callsOverTls, known, mistrusting, type TlsRun, tlsSetup, trusting } from "./tls_calls.ts";
import { named, pythonWithAgenkit } from "./toolchain.ts";

const SUITE = "gRPC Python -> TypeScript over TLS";
const found = await needs(SUITE, {
  python: pythonWithAgenkit(),
  node: named("AGENKIT_TEST_NODE"),
  bun: named("AGENKIT_TEST_BUN"),
});

if (found) {
  const { programs, files, secured, mutual } = await tlsSetup(found);
  const client = new Lazy(() => pythonClient(found.python));
  const expected = { late: "AgentTimeoutError" };
  const at = (server: Lazy<ServerPeer>, tls: TlsFiles): TlsRun => async (testCase) => {
    const url = `grpcs://localhost:${(await server.get()).port}`;
    return await (await client.get()).run({ ...testCase, url, tls });
  };
  const refuses = async (run: TlsRun) => {
    const refused = await run({ op: "process", message: { content: "x" }, timeout_ms: 5_000 });
    assert.equal(refused.ok, false);
    // What it makes of `unavailable`; the text is of grpcio's version.
    assert.match(refused.error ?? "", /^CONNECTION_FAILED|failed to connect/i);
  };

  for (const [runtime, program] of programs) {
    const servers = {
      "one port": new Lazy(() => ourServer(runtime, program, "--grpc-shared", ...secured)),
      "gRPC's own port": new Lazy(() => ourGrpcServer(runtime, program, ...secured)),
      "a port that asks for certificates": new Lazy(() =>
        ourGrpcServer(runtime, program, ...mutual)
      ),
    };
    for (const [where, server] of Object.entries(servers)) {
      const asks = where.includes("asks");
      test(`${SUITE}: ${runtime}, ${where}`, async () => {
        await callsOverTls(at(server, asks ? known(files) : trusting(files)), expected);
        await refuses(at(server, asks ? trusting(files) : mistrusting(files)));
        await server.stop();
      });
    }
  }

  test(`${SUITE} end`, async () => {
    await client.stop();
    await files[Symbol.asyncDispose]();
  });
}
