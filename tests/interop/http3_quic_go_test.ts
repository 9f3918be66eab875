// HTTP/3 from Go's quic-go to our server on Bun, and through Caddy to Deno.
import { test } from "node:test";
import { certificateFiles } from "../support/certificates.ts";
import { caddy, startCaddy } from "./caddy.ts";
import { http3Calls } from "./http3_calls.ts";
import { goRpcClient, Lazy, needs, ourServer } from "./suite.ts";
import { curl, goRpcPeer, named } from "./toolchain.ts";

const suite = "HTTP/3 quic-go";
const found = await needs(suite, {
  bun: named("AGENKIT_TEST_BUN"),
  go: goRpcPeer(),
  caddy: caddy(),
  curl: curl(),
});
if (found) {
  const files = new Lazy(certificateFiles);
  const client = new Lazy(async () =>
    goRpcClient(found.go, "http3-client", { AGENKIT_TEST_CA: (await files.get()).ca })
  );
  const bun = new Lazy(async () => {
    const { cert, key } = await files.get();
    return await ourServer("Bun", found.bun, "--cert", cert, "--key", key, "--http3");
  });
  http3Calls({ name: `${suite} -> Bun`, client, port: async () => (await bun.get()).port });

  const deno = new Lazy(() => ourServer("Deno"));
  const proxy = new Lazy(async () =>
    startCaddy(found.caddy, await files.get(), (await deno.get()).port)
  );
  const throughCaddy = { client, port: async () => (await proxy.get()).port };
  http3Calls({ name: `${suite} -> Caddy -> Deno`, ...throughCaddy });

  test(`${suite} end`, async () => {
    for (const peer of [client, proxy, deno, bun, files]) await peer.stop();
  });
}
