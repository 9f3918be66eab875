// HTTP/3 from Bun's client through Caddy to our server on Deno and on Node.
import { test } from "node:test";
import { certificateFiles } from "../support/certificates.ts";
import { caddy, startCaddy } from "./caddy.ts";
import { http3Calls } from "./http3_calls.ts";
import { Lazy, needs, ourClient, ourServer } from "./suite.ts";
import { curl, named } from "./toolchain.ts";

const suite = "HTTP/3 Bun -> Caddy";
const found = await needs(suite, {
  bun: named("AGENKIT_TEST_BUN"),
  node: named("AGENKIT_TEST_NODE"),
  caddy: caddy(),
  curl: curl(),
});
if (found) {
  const files = new Lazy(certificateFiles);
  const client = new Lazy(async () =>
    ourClient("Bun", found.bun, { NODE_EXTRA_CA_CERTS: (await files.get()).ca })
  );
  for (const [runtime, program] of [["Deno", Deno.execPath()], ["Node", found.node]] as const) {
    const server = new Lazy(() => ourServer(runtime, program));
    const proxy = new Lazy(async () =>
      startCaddy(found.caddy, await files.get(), (await server.get()).port)
    );
    const name = `${suite} -> ${runtime}`;
    http3Calls({ name, client, port: async () => (await proxy.get()).port });
    test(`${name} end`, async () => {
      for (const peer of [proxy, server]) await peer.stop();
    });
  }
  test(`${suite} end`, async () => {
    for (const peer of [client, files]) await peer.stop();
  });
}
