import assert from "node:assert/strict";
import { test } from "node:test";
import { addressUrl, readAddress } from "../../../../src/transport/socket/address.ts";

test("readAddress() reads hosts, IPv6 addresses and paths, and addressUrl() writes them", () => {
  const cases = {
    "tcp://127.0.0.1:5000": { kind: "tcp", tls: false, host: "127.0.0.1", port: 5000 },
    "tcp://[::1]:1": { kind: "tcp", tls: false, host: "::1", port: 1 },
    "tcp://[fe80::1%eth0]:1": { kind: "tcp", tls: false, host: "fe80::1%eth0", port: 1 },
    "tcps://agents.example:65535": {
      kind: "tcp",
      tls: true,
      host: "agents.example",
      port: 65_535,
    },
    "unix:///run/a b/%20é.sock": { kind: "unix", path: "/run/a b/%20é.sock" },
    "unix://relative.sock": { kind: "unix", path: "relative.sock" },
  };
  for (const [url, address] of Object.entries(cases)) {
    assert.deepEqual(readAddress("call", url), address);
    assert.equal(addressUrl(readAddress("call", url)), url);
  }
  assert.deepEqual(readAddress("call", new URL("tcp://h:5/")), readAddress("call", "TCP://h:5"));
});

test("readAddress() refuses what is no address, and says what it came to", () => {
  const bad = [
    "",
    "127.0.0.1:5000",
    "http://127.0.0.1:5000",
    "tcp://127.0.0.1",
    "tcp://:5000",
    "tcp://::1:5000",
    "tcp://[::1:5000",
    "tcp://host:5000/path",
    "tcp://user@host:5000",
    "tcp://host:5000?x",
    "tcp://host:x",
    "tcp://host:-1",
    "unix://",
    "unix:///a\0b",
    "unix:/run/a.sock",
  ];
  for (const url of bad) {
    assert.throws(() => readAddress("call over a socket", url), (error) => {
      assert.ok(error instanceof TypeError);
      assert.match(error.message, /^Cannot call over a socket as the address must be tcp:\/\/host/);
      return true;
    });
  }
});

test("readAddress() holds paths to what a Unix socket can have, in bytes", () => {
  const path = `/${"é".repeat(53)}`;
  assert.deepEqual(readAddress("call", `unix://${path}`), { kind: "unix", path });
  assert.throws(() => readAddress("call", `unix://${path}x`), {
    name: "RangeError",
    message:
      "Cannot call as the path of a Unix socket must be at most 107 bytes: current value has 108",
  });
});

test("readAddress() holds ports to their bounds", () => {
  for (const url of ["tcp://h:0", "tcp://h:65536", "tcp://h:99999999999"]) {
    assert.throws(() => readAddress("call", url), {
      name: "RangeError",
      message: `Cannot call as the port must be from 1 to 65535: current value is ${url.slice(8)}`,
    });
  }
  assert.equal((readAddress("serve", "tcp://h:0", 0) as { port: number }).port, 0);
});
