import assert from "node:assert/strict";
import { test } from "node:test";
import { agentRegistry, memoryStore } from "../../../src/registry/mod.ts";
import { remoteAgent } from "../../../src/remote/mod.ts";
import { transportOf } from "../../../src/remote/schemes.ts";
import { http3Agent } from "../../../src/transport/http3/mod.ts";
import { httpAgent } from "../../../src/transport/http/mod.ts";
import { memoryAgent } from "../../../src/transport/memory/mod.ts";
import { rpcAgent } from "../../../src/transport/rpc/mod.ts";
import { readAddress } from "../../../src/transport/socket/address.ts";
import { webSocketAgent } from "../../../src/transport/websocket/mod.ts";

/** Checks that a URL is refused, by an error that tells nothing of what it holds. */
function refused(make: () => unknown, pattern: RegExp): void {
  assert.throws(make, (error) => {
    assert.ok(error instanceof TypeError, String(error));
    assert.match(error.message, pattern);
    assert.doesNotMatch(`${error.stack} ${error.cause}`, /secret/);
    return true;
  });
}

const IN_HEADERS = /must not hold a user or password: expected callers to send them by 'headers'/;

test("clients refuse a URL with a user and password, and say that headers take them", () => {
  refused(() => httpAgent("http://user:secret@host"), IN_HEADERS);
  refused(() => httpAgent("h2c://user:secret@host"), IN_HEADERS);
  refused(() => http3Agent("h3://user:secret@host", { fetch: () => assert.fail() }), IN_HEADERS);
  refused(() => webSocketAgent("wss://user:secret@host"), IN_HEADERS);
  refused(() => rpcAgent("https://user:secret@host"), IN_HEADERS);
  const server = { Bun: {}, process: { versions: { node: "24" } } };
  for (
    const scheme of ["http", "h2c", "h3", "ws", "grpc", "grpcs", "connect+http", "grpc-web+https"]
  ) {
    for (const user of ["user:secret", "secret", ":secret", "user:sec@ret"]) {
      refused(() => transportOf(`${scheme}://${user}@host:1/a`, server), IN_HEADERS);
    }
  }
  refused(() => remoteAgent(new URL("http://user:secret@host")), IN_HEADERS);
});

test("clients that refuse a URL for something else do not show its password", () => {
  const url = "ftp://user:secret@host?key=secret";
  refused(() => httpAgent(url), /current value is "ftp:\/\/\*\*\*@host\?\*\*\*"/);
  refused(() => http3Agent(url), /\*\*\*@host/);
  refused(() => webSocketAgent(url), /\*\*\*@host/);
  refused(() => rpcAgent(url), /\*\*\*@host/);
  refused(() => memoryAgent(url), /\*\*\*@host/);
  refused(() => remoteAgent(url), /\*\*\*@host/);
  refused(() => remoteAgent("user:secret@host"), /\*\*\*@host/);
  refused(() => remoteAgent("http://user:secret@host:99999"), /\*\*\*@host:99999/);
  refused(() => readAddress("call", "tcp://user:secret@host:1"), /tcp:\/\/\*\*\*@host:1/);
});

test("remoteAgent() that was closed does not show the query of its URL", async () => {
  const remote = remoteAgent("ws://host/a?token=secret");
  assert.equal(remote.name, "host");
  await remote.close();
  const call = remote.process({} as never);
  await assert.rejects(call, { message: "Cannot call ws://host/a?***: it was closed" });
});

test("agentRegistry() takes no endpoint with a password, which all would see", async () => {
  const registry = agentRegistry({ store: memoryStore() });
  for (const endpoint of ["http://user:secret@host", "http://user:secret@host:x"]) {
    const error = await registry.register({ name: "a", endpoint }).catch((error) => error);
    refused(() => {
      throw error;
    }, /^Cannot register agent 'a' as 'endpoint' must/);
  }
  await registry.close();
});
