import assert from "node:assert/strict";
import { test } from "node:test";
import { remoteAgent } from "../../../src/remote/mod.ts";
import { checkClientOptions } from "../../../src/transport/client_options.ts";
import { http3Agent } from "../../../src/transport/http3/mod.ts";
import { httpAgent } from "../../../src/transport/http/mod.ts";
import { rpcAgent } from "../../../src/transport/rpc/mod.ts";
import { webSocketAgent } from "../../../src/transport/websocket/mod.ts";
import { checkCommonOptions } from "./common_options.ts";

test("clients check the options that they have in common alike, at construction", () => {
  checkCommonOptions("call over HTTP", (options) => httpAgent("http://host:1", options), "host:1");
  checkCommonOptions(
    "call over WebSocket",
    (options) => webSocketAgent("ws://host:1", options),
    "host:1",
  );
  checkCommonOptions(
    "call over RPC",
    (options) => rpcAgent("http://host:1", options),
    "host:1",
  );
  for (const url of ["http://host:1", "ws://host:1", "connect+http://host:1"]) {
    checkCommonOptions("call a remote agent", (options) => remoteAgent(url, options), "host:1");
  }
  assert.throws(() => http3Agent("h3://host", null as never), {
    message: "Cannot call over HTTP/3: expected an object of options, got null",
  });
});

test("clients check headers at construction", () => {
  const headers = "x" as never;
  const error = { name: "TypeError", message: /'headers' must be headers/ };
  assert.throws(() => httpAgent("http://host", { headers }), error);
  assert.throws(() => webSocketAgent("ws://host", { headers }), error);
  assert.throws(() => webSocketAgent("ws://host", { headers: { "a b": "c" } }), error);
  assert.throws(() => webSocketAgent("ws://host", { headers: (() => ({})) as never }), {
    name: "TypeError",
    message: "Cannot call over WebSocket as 'headers' must be headers: current value is a function",
  });
  assert.throws(() => remoteAgent("http://host", { headers }), error);
});

test("webSocketAgent() checks what clients of connections have in common", () => {
  assert.throws(() => webSocketAgent("ws://host", { content: "xml" as never }), /'content'/);
  assert.throws(() => webSocketAgent("ws://host", { idempotent: "yes" as never }), {
    name: "TypeError",
    message: `Cannot call over WebSocket as 'idempotent' must be a boolean: current value is "yes"`,
  });
});

test("checkClientOptions() gives the defaults, of which a transport may have its own", () => {
  const { maxBytes, timeoutMs, name } = checkClientOptions("call", {});
  assert.deepEqual([maxBytes, timeoutMs, name], [10_485_760, 30_000, undefined]);
  assert.equal(checkClientOptions("call", {}, 5).maxBytes, 5);
  assert.equal(checkClientOptions("call", { maxBytes: 6 }, 5).maxBytes, 6);
});
