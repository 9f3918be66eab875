// What the tests say when a peer's process ends in the middle of them.
import { test } from "node:test";
import assert from "node:assert/strict";
import { delay } from "../../mod.ts";
import { startClient, startServer } from "./peers.ts";
import { Lazy } from "./suite.ts";

/** Serves until it is called. */
const SERVER = `
  const onListen = ({ port }) => console.log("READY " + port);
  Deno.serve({ hostname: "127.0.0.1", port: 0, onListen }, () => {
    console.error("out of luck");
    Deno.exit(3);
  });`;

/** Takes a case, and ends. */
const CLIENT = `
  console.log("READY 0");
  for await (const _ of Deno.stdin.readable) break;
  console.error("out of luck");
  Deno.exit(4);`;

test("a server that ended by itself is told as such by who asks for it next", async () => {
  const server = new Lazy(() => startServer(Deno.execPath(), ["eval", SERVER]));
  const { url } = await server.get();
  await assert.rejects(fetch(url));
  let error: unknown;
  for (let i = 0; i < 1_000 && error === undefined; i++) {
    await delay(10);
    error = await server.get().then(() => undefined, (reason) => reason);
  }
  assert.match(String(error), /By itself [^]* ended at 20.* with exit code 3; [^]*\nout of luck$/);
  await server.stop();
  await (await server.get()).terminate();
  await server.get();
  await server.stop();
});

test("a client that ended by itself is told as such in the case that it had", async () => {
  await using client = await startClient(Deno.execPath(), ["eval", CLIENT]);
  const answer = client.run({ op: "process", url: "http://127.0.0.1:1" });
  await assert.rejects(answer, /ended at 20.* with exit code 4; [^]*\nout of luck$/);
});
