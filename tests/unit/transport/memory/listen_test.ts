import assert from "node:assert/strict";
import { test } from "node:test";
import { agent, message, neverBegan, text } from "../../../../mod.ts";
import { listenMemory, memoryAgent } from "../../../../src/transport/memory/mod.ts";

const hello = message("user", "hello");
const echo = agent("echo", (m) => `Echo: ${text(m)}`);

test("listenMemory() offers agents at a URL of this process, in any case and with a slash", async () => {
  const listener = listenMemory("Listen-1", echo);
  try {
    assert.equal(listener.url, "memory://listen-1");
    for (const url of [listener.url, "memory://LISTEN-1/", new URL(listener.url)]) {
      assert.equal(text(await memoryAgent(url).process(hello)), "Echo: hello");
    }
  } finally {
    listener.close();
  }
});

test("listenMemory() refuses an address that is taken, until it is given up", () => {
  const first = listenMemory("listen-2", echo);
  assert.throws(() => listenMemory("LISTEN-2", echo), { code: "already_exists" });
  first.close();
  const second = listenMemory("listen-2", echo);
  // Closing twice must not take the address from who has it now.
  first.close();
  assert.throws(() => listenMemory("listen-2", echo), { code: "already_exists" });
  second[Symbol.dispose]();
});

test("listenMemory() refuses addresses that cannot be one", () => {
  for (const address of ["", "a b", "a/b", "a:1", undefined as never]) {
    assert.throws(() => listenMemory(address, echo), TypeError);
  }
});

test("memoryAgent() finds who listens at each call; nobody is unavailable and not begun", async () => {
  const remote = memoryAgent("memory://listen-3");
  const nobody = await remote.process(hello).catch((error) => error);
  assert.equal(nobody.code, "unavailable");
  assert.equal(neverBegan(nobody), true);
  const listener = listenMemory("listen-3", echo);
  assert.equal(text(await remote.process(hello)), "Echo: hello");
  listener.close();
  await assert.rejects(remote.process(hello), { code: "unavailable" });
});

test("memoryAgent() refuses what is no memory URL", () => {
  for (const url of ["", "memory:", "memory://", "memory://a b", "http://a", "memory://a/b"]) {
    assert.throws(() => memoryAgent(url), TypeError, url);
  }
});
