// HTTP/3 between Bun's server and Bun's client, with nothing in between.
import { test } from "node:test";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { readConfig } from "../runtimes/exports.ts";
import { certificateFiles } from "../support/certificates.ts";
import { wiretap } from "../support/wiretap.ts";
import { http3Calls } from "./http3_calls.ts";
import { Lazy, needs, ourClient, ourServer } from "./suite.ts";
import { named, run } from "./toolchain.ts";

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "agenkit-http3-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

const suite = "HTTP/3 Bun -> Bun";
const found = await needs(suite, { bun: named("AGENKIT_TEST_BUN") });
if (found) {
  const files = new Lazy(certificateFiles);
  const server = new Lazy(async () => {
    const { cert, key } = await files.get();
    return await ourServer("Bun", found.bun, "--cert", cert, "--key", key, "--http3");
  });
  const client = new Lazy(async () =>
    ourClient("Bun", found.bun, { NODE_EXTRA_CA_CERTS: (await files.get()).ca })
  );
  http3Calls({ name: suite, client, port: async () => (await server.get()).port });

  test(`${suite}: the announcement is followed`, async () => {
    await using tap = await wiretap((await server.get()).port);
    const result = (await client.get()).run({
      op: "process",
      protocol: "announced",
      url: `https://127.0.0.1:${tap.port}`,
      message: { content: "hello" },
      repeat: 10,
      pause_ms: 400,
    });
    for (let attempt = 0; tap.taps.length === 0 && attempt < 1_000; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    // From now on there is no way over TCP.
    await tap[Symbol.asyncDispose]();
    const { messages, error } = await result;
    assert.equal(error, undefined);
    assert.equal(messages.length, 10);
    assert.deepEqual(new Set(tap.taps.map((seen) => seen.client)), new Set(["tls"]));
  });

  test(`${suite}: a certificate that nobody vouches for is refused`, async () => {
    await using stranger = await ourClient("Bun", found.bun);
    const { port } = await server.get();
    const url = `https://127.0.0.1:${port}`;
    const message = { content: "hello" };
    const result = await stranger.run({ op: "process", protocol: "http3", url, message });
    assert.equal(result.error_type, "unavailable");
    assert.match(result.error ?? "", /handshake failed/);
  });

  test(`${suite}: the next call comes through after the server was ended and started`, async () => {
    // A server that dies without a word is waited for: Bun's client keeps the connection for half a minute.
    await (await server.get()).terminate();
    await (await server.get()).restart();
    const url = `https://127.0.0.1:${(await server.get()).port}`;
    const testCase = {
      op: "process",
      protocol: "http3",
      url,
      message: { content: "back" },
    } as const;
    assert.equal((await (await client.get()).run(testCase)).messages[0]?.content, "Echo: back");
  });

  test(`${suite}: the example speaks HTTP/3`, async () => {
    const root = fileURLToPath(new URL("../../", import.meta.url));
    // Bun reads the package's name from here, since the package is not installed.
    const { name, exports } = await readConfig(root);
    const paths = Object.fromEntries(
      Object.entries(exports).map(([key, file]) => [name + key.slice(1), [root + file.slice(2)]]),
    );
    await using folder = await temporaryFolder();
    const config = `${folder.path}/tsconfig.json`;
    await Deno.writeTextFile(config, JSON.stringify({ compilerOptions: { paths } }));
    const { ca, cert, key } = await files.get();
    const { stdout, stderr, ok } = await run(
      found.bun,
      ["--tsconfig-override", config, `${root}examples/transport/http3.ts`],
      { env: { NODE_EXTRA_CA_CERTS: ca, TLS_CERT: cert, TLS_KEY: key } },
    );
    assert.ok(ok, stderr);
    assert.match(
      stdout,
      /4\. HTTP\/3[^\n]*\n {2}Once\n {2}upon\n {2}a\n {2}time:\n {2}a datagram\n$/,
    );
  });

  test(`${suite} end`, async () => {
    for (const peer of [client, server, files]) await peer.stop();
  });
}
