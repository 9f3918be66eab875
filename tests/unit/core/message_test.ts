import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json, JsonObject } from "../../../src/core/json.ts";
import {
  adoptMessage,
  isMessage,
  type Message,
  message,
  type MessageInit,
  text,
} from "../../../src/core/message.ts";

const AT = "2026-01-02T03:04:05.678Z";

test("message() makes a message from role, content and metadata", () => {
  const before = Date.now();
  const m = message("user", "hello", { session: "s1" });
  assert.equal(m.role, "user");
  assert.equal(m.content, "hello");
  assert.deepEqual(m.metadata, { session: "s1" });
  assert.match(m.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.ok(Date.parse(m.timestamp) >= before && Date.parse(m.timestamp) <= Date.now());
});

test("message() makes a message from an object", () => {
  const m = message({ role: "tool", content: [1], metadata: { a: { b: null } }, timestamp: AT });
  assert.equal(
    JSON.stringify(m),
    `{"role":"tool","content":[1],"metadata":{"a":{"b":null}},"timestamp":"${AT}"}`,
  );
  const least = message({ role: "x", content: "", metadata: undefined, timestamp: undefined });
  assert.deepEqual(least.metadata, {});
});

test("message() takes structured content and any role", () => {
  for (const content of [null, 0, false, "", [], {}, { a: [{ b: null }] }] as Json[]) {
    assert.deepEqual(message("assistant", content).content, content);
  }
  assert.equal(message("narrator", "x").role, "narrator");
});

test("message() refuses a bad role", () => {
  for (const role of ["", null, undefined, 5, {}, []] as unknown[]) {
    assert.throws(
      () => message({ role, content: "x" } as MessageInit),
      /Cannot make a message: 'role' must be a non-empty string, got /,
    );
  }
  assert.throws(() => message("", "x"), /'role' must be a non-empty string, got ""/);
  for (const init of [null, undefined, 5, true] as unknown[]) {
    assert.throws(
      () => message(init as MessageInit),
      { name: "TypeError", message: /expected a role or an object, got / },
    );
  }
});

test("message() refuses content and metadata that are not JSON, with the path", () => {
  assert.throws(() => message("user", undefined as unknown as Json), /Cannot use content as JSON/);
  assert.throws(() => message("user", { when: new Date() } as unknown as Json), /content\.when/);
  assert.throws(() => message({ role: "user" } as MessageInit), /content/);
  assert.throws(
    () => message("user", "x", { user: { score: NaN } }),
    /Cannot use metadata\.user\.score as JSON: expected a finite number, got NaN/,
  );
  for (const metadata of [null, [], "x", 5] as unknown[]) {
    assert.throws(
      () => message("user", "x", metadata as JsonObject),
      /Cannot use metadata as JSON: expected an object/,
    );
  }
});

test("message() brings timestamps to UTC with milliseconds", () => {
  const cases = [
    ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z"],
    ["2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.100Z"],
    ["2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.123Z"],
    ["2026-01-02T03:04:05.678+00:00", AT],
    ["2026-01-02T03:04:05.678+05:30", "2026-01-01T21:34:05.678Z"],
    ["2026-01-01T22:04:05.678-05:00", AT],
    ["2026-01-02t03:04:05.678z", AT],
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
  ] as const;
  for (const [given, expected] of cases) {
    assert.equal(message({ role: "user", content: "", timestamp: given }).timestamp, expected);
  }
});

test("message() refuses a timestamp that is no RFC 3339 date, on every runtime alike", () => {
  const bad: unknown[] = [
    "",
    "now",
    "2026",
    "2026-01-02",
    "Jan 2 2026",
    "2026-01-02T03:04:05", // no zone: the same text would be another time elsewhere
    "2026-01-02 03:04:05Z",
    "2026-01-02T03:04Z",
    "2026-13-02T03:04:05Z",
    "2026-02-30T03:04:05Z",
    "2025-02-29T03:04:05Z",
    "2026-01-02T25:04:05Z",
    "2026-01-02T24:00:00Z",
    "2026-01-02T03:04:05+0000",
    "+012026-01-02T03:04:05Z",
    "9999-12-31T23:59:59-01:00", // the year 10000 in UTC
    "0000-01-01T00:00:00+01:00", // a year before 0
    5,
    null,
    new Date(0),
  ];
  for (const timestamp of bad) {
    assert.throws(
      () => message({ role: "user", content: "", timestamp } as MessageInit),
      { name: "TypeError", message: /'timestamp' must be an RFC 3339 date.*, got / },
      `${timestamp}`,
    );
  }
});

test("message() gives something immutable all the way down", () => {
  const m = message("user", { list: [1] }, { deep: { er: [{}] } }) as {
    -readonly [K in keyof Message]: Message[K];
  };
  assert.throws(() => m.role = "agent", TypeError);
  assert.throws(() => m.content = "x", TypeError);
  assert.throws(() => m.metadata = {}, TypeError);
  assert.throws(() => m.timestamp = AT, TypeError);
  assert.throws(() => delete (m as { role?: string }).role, TypeError);
  assert.throws(() => (m as unknown as { extra: 1 }).extra = 1, TypeError);
  assert.throws(() => (m.content as unknown as { list: number[] }).list.push(2), TypeError);
  assert.throws(() => (m.metadata as Record<string, Json>).added = 1, TypeError);
  const deep = m.metadata.deep as unknown as { er: Record<string, Json>[] };
  assert.throws(() => deep.er[0]!.x = 1, TypeError);
  assert.throws(() => (message("user", "").metadata as Record<string, Json>).a = 1, TypeError);
});

test("message() cannot be reached through what it was made from", () => {
  const content = { list: [1] };
  const metadata = { tags: ["a"] };
  const m = message("user", content, metadata);
  content.list.push(2);
  metadata.tags[0] = "b";
  assert.deepEqual(m.content, { list: [1] });
  assert.deepEqual(m.metadata, { tags: ["a"] });
});

test("Message.with() returns a changed copy and leaves the rest", () => {
  const m = message({ role: "user", content: "a", metadata: { k: 1 }, timestamp: AT });
  const louder = m.with({ content: "A" });
  assert.equal(louder.content, "A");
  assert.equal(louder.role, "user");
  assert.equal(louder.metadata, m.metadata, "what is immutable is shared");
  assert.equal(louder.timestamp, AT);
  assert.equal(m.content, "a");
  assert.deepEqual(m.with({ metadata: { ...m.metadata, l: 2 } }).metadata, { k: 1, l: 2 });
  assert.deepEqual(m.with({ metadata: { l: 2 } }).metadata, { l: 2 });
  assert.equal(m.with({ role: "agent" }).role, "agent");
  assert.equal(m.with({ timestamp: "2026-01-02T03:04:05Z" }).timestamp, "2026-01-02T03:04:05.000Z");
  assert.equal(m.with({ content: null }).content, null);
  assert.ok(isMessage(m.with({})) && m.with({}) !== m);
});

test("Message.with() checks, copies and freezes what it is given", () => {
  const m = message("user", "a");
  const tags = ["x"];
  const tagged = m.with({ metadata: { tags } });
  tags.push("y");
  assert.deepEqual(tagged.metadata, { tags: ["x"] });
  assert.ok(Object.isFrozen(tagged.metadata.tags));
  assert.throws(() => m.with({ role: "" }), /'role'/);
  assert.throws(() => m.with({ content: NaN }), /Cannot use content as JSON/);
  assert.throws(() => m.with({ metadata: { a: [Infinity] } }), /metadata\.a\[0\]/);
  assert.throws(() => m.with({ timestamp: "soon" }), /'timestamp'/);
});

test("isMessage() tells a message from what looks like one", () => {
  const m = message("user", "x");
  assert.ok(isMessage(m));
  assert.ok(isMessage(adoptMessage("user", "x", {}, AT)));
  for (const other of [{ ...m }, JSON.parse(JSON.stringify(m)), "x", null, undefined, 5]) {
    assert.ok(!isMessage(other));
  }
});

test("adoptMessage() freezes what a parser gave, in place", () => {
  const content = JSON.parse('{"list":[1]}');
  const metadata = JSON.parse('{"a":{"b":1}}');
  const m = adoptMessage("user", content, metadata, AT);
  assert.equal(m.content, content);
  assert.ok(Object.isFrozen(content.list) && Object.isFrozen(metadata.a) && Object.isFrozen(m));
  assert.throws(
    () => adoptMessage("user", "x", JSON.parse('{"a":{"__proto__":1}}'), AT),
    /metadata\.a as JSON: the key "__proto__"/,
  );
});

test("text() reads content as a string", () => {
  assert.equal(text(message("user", "hi")), "hi");
  assert.equal(text(message("user", "")), "");
  assert.equal(text(message("user", null)), "");
  assert.equal(text(message("user", 5)), "5");
  assert.equal(text(message("user", false)), "false");
  assert.equal(text(message("user", { a: ["é"] })), '{"a":["é"]}');
  assert.equal(text({ content: "any object with content" }), "any object with content");
});
