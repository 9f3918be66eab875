import assert from "node:assert/strict";
import { test } from "node:test";
import { agent, message, text } from "../../../mod.ts";
import { serve } from "../../../src/serve/mod.ts";
import { DrainHooks } from "../../../src/serve/drain_hooks.ts";
import { httpAgent } from "../../../src/transport/http/mod.ts";

const echo = agent("echo", (m) => text(m));
const hello = message("user", "hello");

test("onDrain() runs before the server stops taking calls, and is waited for", async () => {
  const server = await serve(echo, { port: 0 });
  const order: string[] = [];
  server.onDrain(async () => {
    order.push(text(await httpAgent(server.url).process(hello)));
  });
  const takeBack = server.onDrain(() => void order.push("taken back"));
  takeBack();
  server.onDrain(() => {
    throw new Error("an observer cannot break the drain");
  });
  await Promise.all([server.drain(), server.drain()]);
  assert.deepEqual(order, ["hello"]);
  await assert.rejects(httpAgent(server.url).process(hello), { code: "unavailable" });
});

test("onDrain() also runs when the server is closed, which does not wait", async () => {
  const server = await serve(echo, { port: 0 });
  let told = 0;
  server.onDrain(() => {
    told++;
    return new Promise(() => {});
  });
  await server.close();
  await server.drain();
  assert.equal(told, 1);
});

test("onDrain() cannot hold the drain up for longer than drainTimeoutMs", async () => {
  const server = await serve(echo, { port: 0, drainTimeoutMs: 20 });
  server.onDrain(() => new Promise(() => {}));
  await server.drain();
  await assert.rejects(httpAgent(server.url).process(hello), { code: "unavailable" });
});

test("DrainHooks.run() runs each once, and takes only functions", async () => {
  const hooks = new DrainHooks();
  let ran = 0;
  const hook = () => void ran++;
  hooks.add(hook);
  hooks.add(hook);
  await hooks.run();
  await hooks.run();
  assert.equal(ran, 2);
  assert.throws(() => hooks.add(1 as never), TypeError);
});
