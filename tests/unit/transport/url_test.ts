import assert from "node:assert/strict";
import { test } from "node:test";
import { refuseCredentials, shownUrl } from "../../../src/transport/url.ts";

test("shownUrl() leaves out what may be secret, however the URL is broken", () => {
  const cases = {
    "http://host:81/a/@scope": "http://host:81/a/@scope",
    "http://host/a?key=secret#secret": "http://host/a?***",
    "http://host/a#secret": "http://host/a#***",
    "http://user:secret@host/a": "http://***@host/a",
    "http://secret@host": "http://***@host",
    "http://:secret@host?key=secret": "http://***@host?***",
    "http://user:se/cr?et@host:x": "http://***@host:x",
    "http://user:se@secret@host": "http://***@host",
    "connect+http://user:secret@host": "connect+http://***@host",
    "http:\\\\user:secret@host": "http:\\\\***@host",
    "http:user:secret@host": "***@host",
    "user:secret@host": "***@host",
    "tcp://[fe80::1%eth0]:9": "tcp://[fe80::1%eth0]:9",
    "unix:///run/a@b?c": "unix:///run/a@b?c",
    "": "",
  };
  for (const [url, shown] of Object.entries(cases)) assert.equal(shownUrl(url), shown);
  assert.equal(shownUrl(new URL("grpc://user:secret@host:1")), "grpc://***@host:1");
});

test("refuseCredentials() refuses a user or a password, and says where they belong", () => {
  for (const url of ["http://user:secret@host", "ws://secret@host", "grpc://:secret@host"]) {
    assert.throws(() => refuseCredentials("call over HTTP", new URL(url)), {
      name: "TypeError",
      message: "Cannot call over HTTP as 'url' must not hold a user or password: expected " +
        `callers to send them by 'headers', such as "authorization"`,
    });
  }
  for (const url of ["http://host/a@b", "http://@host", "unix://a@b.sock"]) {
    refuseCredentials("call", new URL(url));
  }
});
