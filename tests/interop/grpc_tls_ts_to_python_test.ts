// Our gRPC client on Deno, Node and Bun calls the published Python agenkit's
// service over TLS, at a server of grpcio.
import { test } from "node:test";
import assert from "node:assert/strict";
import { pythonGrpcServer } from "./grpc_peers.ts";
import type { ServerPeer, TlsFiles } from "./peers.ts";
import { Lazy, needs, ourClient } from "./suite.ts";
import { callsOverTls, known, mistrusting, type TlsRun, tlsSetup, trusting } from "./tls_calls.ts";
import { named, pythonWithAgenkit } from "./toolchain.ts";

const SUITE = "gRPC TypeScript -> Python over TLS";
const found = await needs(SUITE, {
  python: pythonWithAgenkit(),
  node: named("AGENKIT_TEST_NODE"),
  bun: named("AGENKIT_TEST_BUN"),
});

if (found) {
  const { programs, files, secured, mutual } = await tlsSetup(found);
  const server = new Lazy(() => pythonGrpcServer(found.python, ...secured));
  const asking = new Lazy(() => pythonGrpcServer(found.python, ...mutual));

  for (const [runtime, program] of programs) {
    const client = new Lazy(() => ourClient(runtime, program));
    const at = (peer: Lazy<ServerPeer>, tls: TlsFiles): TlsRun => async (testCase) => {
      const url = `grpcs://localhost:${(await peer.get()).port}`;
      return await (await client.get()).run({ ...testCase, protocol: "grpc", url, tls });
    };

    test(`${SUITE}: ${runtime}`, async () => {
      await callsOverTls(at(server, trusting(files)), { counts: false });
      const run = at(server, mistrusting(files));
      const refused = await run({ op: "process", message: { content: "x" } });
      assert.equal(refused.error_type, "unavailable");
      assert.match(refused.error ?? "", /unable to verify the first certificate/);
    });

    test(`${SUITE}: ${runtime}, with our certificate`, async () => {
      await callsOverTls(at(asking, known(files)), { counts: false });
      const run = at(asking, trusting(files));
      const refused = await run({ op: "process", message: { content: "x" } });
      assert.equal(refused.error_type, "unavailable", refused.error);
      assert.match(refused.error ?? "", /^Cannot reach grpcs:/);
      assert.ok(refused.elapsed_ms < 10_000, `it took ${refused.elapsed_ms} ms`);
    });

    test(`${SUITE}: ${runtime} end`, () => client.stop());
  }

  test(`${SUITE} end`, async () => {
    await server.stop();
    await asking.stop();
    await files[Symbol.asyncDispose]();
  });
}
