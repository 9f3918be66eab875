import assert from "node:assert/strict";
import { test } from "node:test";
import { type Code, CODES } from "../../../src/core/code.ts";
import {
  AgenkitError,
  AggregateAgentError,
  CircuitOpenError,
  codeOf,
  RateLimitError,
  RemoteError,
  TimeoutError,
} from "../../../src/core/errors.ts";
// The same file under another name is a second copy of the module, as two
// bundles on one page have it.
import * as copy from "../../../src/core/errors.ts?copy=2";

const codes = Object.keys(CODES) as Code[];

test("AgenkitError carries code, text, cause and facts", () => {
  const cause = new Error("socket hang up");
  const error = new AgenkitError("unavailable", "The model is restarting", {
    cause,
    retryAfterMs: 500,
    details: { region: "eu" },
  });
  assert.ok(error instanceof Error && error instanceof AgenkitError);
  assert.equal(error.code, "unavailable");
  assert.equal(error.message, "The model is restarting");
  assert.equal(error.cause, cause);
  assert.equal(error.retryAfterMs, 500);
  assert.deepEqual(error.details, { region: "eu" });
  assert.equal(String(error), "AgenkitError: The model is restarting");
});

test("AgenkitError has no cause, details or hint unless given", () => {
  const error = new AgenkitError("internal", "x", { cause: undefined });
  assert.ok(!Object.hasOwn(error, "cause"));
  assert.equal(error.details, undefined);
  assert.equal(error.retryAfterMs, undefined);
});

test("AgenkitError.retryable is what the code's table says, unless told", () => {
  for (const code of codes) {
    assert.equal(new AgenkitError(code, "x").retryable, CODES[code].retryable);
    assert.equal(new AgenkitError(code, "x", { retryable: true }).retryable, true);
    assert.equal(new AgenkitError(code, "x", { retryable: false }).retryable, false);
    assert.equal(
      new AgenkitError(code, "x", { retryable: undefined }).retryable,
      CODES[code].retryable,
    );
  }
});

test("AgenkitError refuses a code that is not canonical", () => {
  for (const code of ["", "OK", "UNAVAILABLE", "toString", "__proto__", 5, null, undefined]) {
    assert.throws(() => new AgenkitError(code as Code, "x"), {
      name: "TypeError",
      message: /'code' must be a canonical code, got /,
    });
  }
});

test("AgenkitError's subclasses have their names, codes and defaults", () => {
  const cases = [
    [new TimeoutError("t", { timeoutMs: 5 }), "TimeoutError", "deadline_exceeded", true],
    [new CircuitOpenError("c"), "CircuitOpenError", "unavailable", false],
    [new RateLimitError("r"), "RateLimitError", "resource_exhausted", true],
    [new RemoteError("not_found", "n"), "RemoteError", "not_found", false],
    [new AggregateAgentError("a", []), "AggregateAgentError", "unknown", true],
  ] as const;
  for (const [error, name, code, retryable] of cases) {
    assert.equal(error.name, name);
    assert.equal(error.code, code);
    assert.equal(error.retryable, retryable);
    assert.ok(error instanceof AgenkitError && error instanceof Error);
    assert.ok(!Object.keys(error).includes("name"));
  }
});

test("TimeoutError knows its limit, RemoteError the peer's own code", () => {
  assert.equal(new TimeoutError("t", { timeoutMs: 5 }).timeoutMs, 5);
  assert.equal(new TimeoutError("t").timeoutMs, undefined);
  const remote = new RemoteError("unknown", "r", { remoteCode: "EXECUTION_ERROR" });
  assert.equal(remote.remoteCode, "EXECUTION_ERROR");
  assert.equal(new RemoteError("unknown", "r").remoteCode, undefined);
});

test("CircuitOpenError is not retryable unless that is asked for in earnest", () => {
  assert.equal(new CircuitOpenError("c", { retryable: undefined }).retryable, false);
  assert.equal(new CircuitOpenError("c", { retryable: true }).retryable, true);
  assert.equal(new CircuitOpenError("c", { retryAfterMs: 100 }).retryAfterMs, 100);
});

test("AggregateAgentError keeps every failure and takes over the first one's nature", () => {
  const open = new CircuitOpenError("open");
  const failures = [
    { agent: "a", index: 0, cause: open },
    { agent: "b", index: 1, cause: new Error("plain") },
  ];
  const error = new AggregateAgentError("All failed", failures);
  failures.pop();
  assert.equal(error.errors.length, 2);
  assert.equal(error.errors[1]!.agent, "b");
  assert.ok(Object.isFrozen(error.errors));
  assert.equal(error.code, "unavailable");
  assert.equal(error.retryable, false, "retrying an open circuit does not help");
  assert.equal(error.cause, open);
  assert.equal(new AggregateAgentError("x", failures, { cause: undefined }).cause, open);
  const cause = new Error("mine");
  assert.equal(new AggregateAgentError("x", failures, { cause }).cause, cause);
  assert.equal(new AggregateAgentError("x", failures, { retryable: true }).retryable, true);
  const plain = new AggregateAgentError("x", [{ agent: "b", index: 1, cause: new Error("p") }]);
  assert.equal(plain.code, "unknown");
});

test("instanceof tells the classes apart", () => {
  const timeout = new TimeoutError("t");
  assert.ok(!(timeout instanceof RemoteError));
  assert.ok(!(new AgenkitError("deadline_exceeded", "x") instanceof TimeoutError));
  assert.ok(!(new Error("x") instanceof AgenkitError));
  const others: unknown[] = [null, undefined, 5, "x", {}, { code: "unavailable" }, () => {}];
  for (const other of others) assert.ok(!(other instanceof AgenkitError));
  assert.ok(!(new DOMException("x", "TimeoutError") instanceof TimeoutError));
});

test("instanceof works for a user's own subclasses", () => {
  class ModelError extends AgenkitError {
    readonly model: string;
    constructor(model: string) {
      super("unavailable", `${model} is down`);
      this.model = model;
      this.name = "ModelError";
    }
  }
  class ColdStartError extends ModelError {
    override readonly name: string = "ColdStartError";
  }
  class SlowError extends TimeoutError {}
  const cold = new ColdStartError("m1");
  assert.ok(cold instanceof ColdStartError && cold instanceof ModelError);
  assert.ok(cold instanceof AgenkitError && !(cold instanceof SlowError));
  assert.equal(cold.name, "ColdStartError");
  assert.equal(String(new ModelError("m1")), "ModelError: m1 is down");
  assert.ok(!(new AgenkitError("unavailable", "x") instanceof ModelError));
  assert.ok(!(new TimeoutError("t") instanceof SlowError));
  assert.ok(new SlowError("s") instanceof TimeoutError);
  assert.equal(new SlowError("s").name, "TimeoutError");
  assert.equal(codeOf(cold), "unavailable");
});

test("instanceof recognises errors of another copy of the package, both ways", () => {
  assert.notEqual(copy.AgenkitError, AgenkitError, "the test needs two copies");
  const theirs = new copy.TimeoutError("t");
  assert.ok(theirs instanceof AgenkitError && theirs instanceof TimeoutError);
  assert.ok(!(theirs instanceof RemoteError));
  assert.ok(new CircuitOpenError("c") instanceof copy.CircuitOpenError);
  assert.ok(new CircuitOpenError("c") instanceof copy.AgenkitError);
  assert.equal(codeOf(theirs), "deadline_exceeded");
  class Mine extends AgenkitError {}
  class Theirs extends copy.AgenkitError {}
  assert.ok(new Theirs("internal", "x") instanceof AgenkitError);
  assert.ok(!(new Theirs("internal", "x") instanceof Mine));
  assert.ok(!(new AgenkitError("internal", "x") instanceof Theirs));
});

test("codeOf() reads the code of this package's errors only", () => {
  for (const code of codes) assert.equal(codeOf(new AgenkitError(code, "x")), code);
  const others: unknown[] = [
    new Error("x"),
    Object.assign(new Error("x"), { code: "unavailable" }),
    { code: "internal" },
    "internal",
    null,
    undefined,
    new DOMException("x", "AbortError"),
  ];
  for (const other of others) assert.equal(codeOf(other), undefined);
});
