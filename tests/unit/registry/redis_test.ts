import assert from "node:assert/strict";
import { test } from "node:test";
import { redisStore } from "../../../src/registry/redis/mod.ts";
import {
  memberOf,
  readChange,
  readMember,
  readRegistration,
  writeChange,
} from "../../../src/registry/redis/format.ts";

const registration = {
  name: "a",
  instance: "default",
  endpoint: "http://h/",
  capabilities: ["x"],
  metadata: { zone: "eu" },
  id: "1",
  registeredAt: "2026-01-01T00:00:00.000Z",
  timeoutMs: 1000,
};

test("redisStore() refuses bad options at construction, and shows no password", () => {
  assert.throws(() => redisStore({ url: "http://h" }), /must be a redis:\/\/ or rediss:\/\/ URL/);
  assert.throws(() => redisStore({ url: "redis" }), TypeError);
  assert.throws(() => redisStore({ url: "reddis://user:secret@host" }), (error: Error) => {
    assert.ok(error instanceof TypeError);
    assert.ok(!error.message.includes("secret"), error.message);
    return true;
  });
  assert.throws(() => redisStore({ prefix: "" }), TypeError);
  assert.throws(() => redisStore({ prefix: "a{b}" }), TypeError);
  assert.throws(() => redisStore({ tls: {} }), /needs a rediss:\/\/ URL/);
  assert.throws(() => redisStore({ random: 1 as never }), TypeError);
  assert.throws(() => redisStore(null as never), TypeError);
});

test("redisStore() connects to nothing until it is used, and then not when it was closed", async () => {
  const store = redisStore();
  await store.close();
  await store.close();
  await assert.rejects(store.list(), { code: "failed_precondition" });
});

test("what is written to Redis is read as it was", () => {
  assert.deepEqual(readRegistration(JSON.stringify(registration)), registration);
  const put = readChange(writeChange({ put: registration }));
  assert.deepEqual(put, { type: "put", stored: { registration, expiresInMs: 1000 } });
  const key = { name: "a\u0000", instance: "☃" };
  assert.deepEqual(readMember(memberOf(key)), key);
  assert.deepEqual(readChange(writeChange({ remove: key })), { type: "remove", key });
});

test("what cannot have been written here is not read", () => {
  const bad = [
    "",
    "null",
    "[]",
    "{",
    "1",
    '{"put":1}',
    '{"put":{"name":"a"}}',
    '{"remove":{"name":""}}',
    JSON.stringify({ ...registration, timeoutMs: "1000" }),
    JSON.stringify({ ...registration, timeoutMs: -1 }),
    JSON.stringify({ ...registration, endpoint: "nowhere" }),
    JSON.stringify({ ...registration, id: undefined }),
    JSON.stringify({ ...registration, capabilities: [1] }),
  ];
  for (const text of bad) {
    assert.equal(readRegistration(text), undefined, text);
    assert.equal(readChange(text), undefined, text);
    assert.equal(readMember(text), undefined, text);
  }
  assert.equal(readMember(["a", "b"]), undefined);
  assert.equal(readRegistration(undefined), undefined);
});
