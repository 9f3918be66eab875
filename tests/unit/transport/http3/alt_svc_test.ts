import { test } from "node:test";
import assert from "node:assert/strict";
import { readAltSvc } from "../../../../src/transport/http3/alt_svc.ts";

test("readAltSvc() finds HTTP/3 at the origin's host", () => {
  const origin = "https://agents.example:8443";
  const at = (port: number, maxAgeMs = 86_400_000) => ({
    origin: `https://agents.example:${port}`,
    maxAgeMs,
  });
  assert.deepEqual(readAltSvc('h3=":443"; ma=60', origin), at(443, 60_000));
  assert.deepEqual(readAltSvc('h3=":443"', origin), at(443));
  assert.deepEqual(
    readAltSvc('h2=":8000", h3="agents.example:9000"; persist=1; ma=5', origin),
    at(9000, 5_000),
  );
  assert.equal(readAltSvc("clear", origin), "clear");
  for (
    const other of [null, "", 'h2=":443"', 'h3="elsewhere.example:443"', "h3=:443", 'h3-29=":443"']
  ) {
    assert.equal(readAltSvc(other, origin), undefined);
  }
});

test("readAltSvc() keeps the brackets of IPv6", () => {
  assert.deepEqual(readAltSvc('h3=":443"', "https://[::1]:8443"), {
    origin: "https://[::1]:443",
    maxAgeMs: 86_400_000,
  });
});
