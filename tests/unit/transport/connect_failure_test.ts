import assert from "node:assert/strict";
import { test } from "node:test";
import { AgenkitError, message, neverBegan } from "../../../mod.ts";
import { isConnectFailure } from "../../../src/transport/connect_failure.ts";
import { httpAgent } from "../../../src/transport/http/mod.ts";

test("isConnectFailure() knows what each runtime says", () => {
  const coded = (code: string) => Object.assign(new Error("x"), { code });
  assert.equal(isConnectFailure(coded("ECONNREFUSED")), true);
  assert.equal(
    isConnectFailure(new TypeError("fetch failed", { cause: coded("ENOTFOUND") })),
    true,
  );
  assert.equal(isConnectFailure(coded("ConnectionRefused")), true);
  const deno = "error sending request for url (http://x/): client error (Connect): tcp connect " +
    "error: Connection refused (os error 111)";
  assert.equal(isConnectFailure(new TypeError(deno)), true);
  // Ports that fetch refuses by itself.
  assert.equal(
    isConnectFailure(new TypeError("Fetch failed: Requests to port 1 are blocked")),
    true,
  );
  const undici = new TypeError("fetch failed", { cause: new Error("bad port") });
  assert.equal(isConnectFailure(undici), true);
});

test("isConnectFailure() is false for connections that broke", () => {
  for (const code of ["ECONNRESET", "EPIPE", "UND_ERR_SOCKET", "UND_ERR_HEADERS_TIMEOUT"]) {
    const cause = Object.assign(new Error("x"), { code });
    assert.equal(isConnectFailure(new TypeError("fetch failed", { cause })), false, code);
  }
  const broken = "client error (SendRequest): connection closed before message completed";
  assert.equal(isConnectFailure(new TypeError(broken)), false);
  for (const other of [undefined, null, 1, "ECONNREFUSED"]) {
    assert.equal(isConnectFailure(other), false);
  }
});

test("isConnectFailure() ends also where an error is its own cause", () => {
  const error = new Error("x") as Error & { cause: unknown };
  error.cause = error;
  assert.equal(isConnectFailure(error), false);
});

test("httpAgent() says of a connection that was refused that the call was not begun", async () => {
  const cause = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
  const failing = (error: Error) =>
    httpAgent("http://localhost", { fetch: () => Promise.reject(error) });
  const hello = message("user", "hello");
  const refused = await failing(new TypeError("fetch failed", { cause }))
    .process(hello).catch((error) => error);
  assert.ok(refused instanceof AgenkitError);
  assert.equal(refused.code, "unavailable");
  assert.equal(neverBegan(refused), true);

  const reset = await failing(new TypeError("reset")).process(hello).catch((error) => error);
  assert.equal(reset.code, "unavailable");
  assert.equal(neverBegan(reset), false);
});
