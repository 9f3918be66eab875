// gRPC and Connect over TLS with Go's libraries: they call our servers, and our
// clients call theirs, on Deno, Node and Bun. Both sides always verify.
import { test } from "node:test";
import assert from "node:assert/strict";
import type { CertificateFiles } from "../support/certificates.ts";
import { ourGrpcServer } from "./grpc_peers.ts";
import type { ClientPeer, ServerPeer, TlsFiles } from "./peers.ts";
import { goRpcClient, goRpcServer, Lazy, needs, ourClient, ourServer } from "./suite.ts";
import { callsOverTls, known, mistrusting, type TlsRun, tlsSetup, trusting } from "./tls_calls.ts";
import { goRpcPeer, named } from "./toolchain.ts";

const SUITE = "gRPC and Connect of Go over TLS";

/** What Go speaks to our servers. `serveGrpc` has HTTP/2 alone. */
const TO_GRPC_PORT = ["grpc", "connect-grpc-h2", "connect-h2"];
const TO_ONE_PORT = [...TO_GRPC_PORT, "grpc-web-h2", "connect", "grpc-web"];

const found = await needs(SUITE, {
  go: goRpcPeer(),
  node: named("AGENKIT_TEST_NODE"),
  bun: named("AGENKIT_TEST_BUN"),
});

if (found) {
  const { programs, files, secured, mutual } = await tlsSetup(found);

  const goClient = new Lazy(() => goRpcClient(found.go, "rpc-client"));
  for (const [runtime, program] of programs) {
    const shared = new Lazy(() => ourServer(runtime, program, "--grpc-shared", ...secured));
    const own = new Lazy(() => ourGrpcServer(runtime, program, ...secured));
    const asking = new Lazy(() => ourGrpcServer(runtime, program, ...mutual));
    theyCall(`${runtime}, one port`, TO_ONE_PORT, goClient, shared, files);
    theyCall(`${runtime}, gRPC's own port`, TO_GRPC_PORT, goClient, own, files);
    theyShow(runtime, goClient, asking, files);
    test(`${SUITE}: ${runtime} end`, async () => {
      for (const server of [shared, own, asking]) await server.stop();
    });
  }
  test(`${SUITE}: Go's client ends`, () => goClient.stop());

  const servers = {
    grpc: new Lazy(() => goRpcServer(found.go, "grpc", ...secured)),
    connect: new Lazy(() => goRpcServer(found.go, "connect", ...secured)),
    asking: new Lazy(() => goRpcServer(found.go, "grpc", ...mutual)),
  };
  for (const [runtime, program] of programs) {
    const client = new Lazy(() => ourClient(runtime, program));
    weCall(`${runtime} gRPC -> grpc-go`, client, servers.grpc, "grpc", files);
    weCall(`${runtime} gRPC -> connect-go`, client, servers.connect, "grpc", files);
    weCall(`${runtime} Connect -> connect-go`, client, servers.connect, "connect-h2", files);
    weCall(`${runtime} gRPC-Web -> connect-go`, client, servers.connect, "grpc-web-h2", files);
    weShow(runtime, client, servers.asking, files);
    test(`${SUITE}: our client on ${runtime} ends`, () => client.stop());
  }
  test(`${SUITE} end`, async () => {
    for (const server of Object.values(servers)) await server.stop();
    await files[Symbol.asyncDispose]();
  });
}

function runs(
  client: Lazy<ClientPeer>,
  server: Lazy<ServerPeer>,
  protocol: string,
  tls: TlsFiles,
  scheme = "https",
): TlsRun {
  return async (testCase) => {
    const url = `${scheme}://localhost:${(await server.get()).port}`;
    return await (await client.get()).run({ ...testCase, protocol, url, tls });
  };
}

/** Go's clients at a server of ours, which they trust or do not. */
function theyCall(
  where: string,
  protocols: readonly string[],
  client: Lazy<ClientPeer>,
  server: Lazy<ServerPeer>,
  files: CertificateFiles,
): void {
  for (const protocol of protocols) {
    test(`${SUITE}: ${protocol} -> ${where}`, () =>
      callsOverTls(runs(client, server, protocol, trusting(files))));
  }

  test(`${SUITE}: ${where} is refused by who trusts another authority`, async () => {
    for (const protocol of protocols) {
      const run = runs(client, server, protocol, mistrusting(files));
      const refused = await run({ op: "process", message: { content: "x" }, timeout_ms: 5_000 });
      assert.equal(refused.error_type, "unavailable", protocol);
      assert.match(refused.error ?? "", /certificate signed by unknown authority/);
    }
  });
}

/** Go's clients with and without a certificate at a server of ours that asks for one. */
function theyShow(
  runtime: string,
  client: Lazy<ClientPeer>,
  server: Lazy<ServerPeer>,
  files: CertificateFiles,
): void {
  for (const protocol of ["grpc", "connect-grpc-h2"]) {
    test(`${SUITE}: ${protocol} -> ${runtime} with the client's certificate`, async () => {
      await callsOverTls(runs(client, server, protocol, known(files)));
      const run = runs(client, server, protocol, trusting(files));
      const refused = await run({ op: "process", message: { content: "x" }, timeout_ms: 5_000 });
      assert.equal(refused.ok, false);
      // connect-go says "canceled" if it was still writing its request.
      assert.match(refused.error_type ?? "", /^(?:unavailable|canceled)$/, refused.error);
    });
  }
}

/** A client of ours at a server of Go's, which it trusts or does not. */
function weCall(
  name: string,
  client: Lazy<ClientPeer>,
  server: Lazy<ServerPeer>,
  protocol: string,
  files: CertificateFiles,
): void {
  const scheme = protocol === "grpc" ? "grpcs" : "https";
  test(`${SUITE}: ${name}`, () =>
    callsOverTls(runs(client, server, protocol, trusting(files), scheme)));

  test(`${SUITE}: ${name}, refused as another authority is trusted`, async () => {
    const run = runs(client, server, protocol, mistrusting(files), scheme);
    const refused = await run({ op: "process", message: { content: "x" } });
    assert.equal(refused.error_type, "unavailable");
    assert.match(refused.error ?? "", /unable to verify the first certificate/);
  });
}

/** A client of ours with and without a certificate at a server of Go's that asks for one. */
function weShow(
  runtime: string,
  client: Lazy<ClientPeer>,
  server: Lazy<ServerPeer>,
  files: CertificateFiles,
): void {
  test(`${SUITE}: ${runtime} gRPC -> grpc-go with our certificate`, async () => {
    await callsOverTls(runs(client, server, "grpc", known(files), "grpcs"));
    const run = runs(client, server, "grpc", trusting(files), "grpcs");
    // More than once: a connection that is refused after its handshake has gone wrong in several ways.
    for (let attempt = 0; attempt < 5; attempt++) {
      const refused = await run({ op: "process", message: { content: "x" } });
      assert.equal(refused.error_type, "unavailable", refused.error);
      assert.match(refused.error ?? "", /^Cannot reach grpcs:/);
      assert.ok(refused.elapsed_ms < 10_000, `it took ${refused.elapsed_ms} ms`);
    }
  });
}
