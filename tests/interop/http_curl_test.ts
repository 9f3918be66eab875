// curl against our server, on each runtime.
import { test } from "node:test";
import { curlCalls } from "./curl_calls.ts";
import { curl, named } from "./toolchain.ts";
import { Lazy, needs, ourServer } from "./suite.ts";

const RUNTIMES = [
  { runtime: "Deno", program: Promise.resolve({ path: Deno.execPath() }), h2c: true },
  { runtime: "Node", program: named("AGENKIT_TEST_NODE"), h2c: true },
  { runtime: "Bun", program: named("AGENKIT_TEST_BUN"), h2c: true },
];

for (const { runtime, program, h2c } of RUNTIMES) {
  const suite = `HTTP curl -> TypeScript on ${runtime}`;
  const found = await needs(suite, { curl: curl(), [runtime]: program });
  if (!found) continue;
  const start = () => ourServer(runtime, found[runtime]);
  const server = new Lazy(start);
  curlCalls({ curl: found["curl"]!, server, start, runtime, h2c });
  test(`${suite} end`, () => server.stop());
}
