import { test } from "node:test";
import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { collect, message, TimeoutError } from "../../../../mod.ts";
import { TestClock } from "../../../../src/testing/mod.ts";
import { checkRpcOptions } from "../../../../src/transport/rpc/client_options.ts";
import { grpcTimeout } from "../../../../src/transport/rpc/deadlines.ts";
import { RpcAgent } from "../../../../src/transport/rpc/rpc_agent.ts";
import { RpcCaller } from "../../../../src/transport/rpc/rpc_caller.ts";
import type { RpcTransport } from "../../../../src/transport/rpc/rpc_transport.ts";

const ask = message("user", "x");

/** An agent each of whose calls ends with an error. */
function failing(error: unknown) {
  const clock = new TestClock();
  const fail = () => Promise.reject(error);
  const transport: RpcTransport = { unary: fail, stream: fail };
  const caller = new RpcCaller(
    new URL("http://host"),
    transport,
    grpcTimeout,
    checkRpcOptions("call", { clock }),
  );
  const remote = new RpcAgent(caller);
  const calls = (msLeft: number) => {
    const call = { deadline: clock.now() + msLeft };
    return [remote.process(ask, call), collect(remote.stream(ask, call))];
  };
  const caught = (promise: Promise<unknown>) =>
    promise.then(() => assert.fail("expected a failure"), (thrown) => thrown);
  return { calls: (msLeft: number) => calls(msLeft).map(caught) };
}

test("RpcAgent takes a call that was cut just at its deadline for late", async () => {
  // So gRPC's Go server ends those whose time is up.
  const reset = new ConnectError(
    "http/2 stream closed with error code CANCEL (0x8)",
    Code.Canceled,
  );
  const cancelled = new ConnectError("context canceled", Code.Canceled);
  for (const error of [reset, cancelled, new Error("The connection ended before the answer did")]) {
    const { calls } = failing(error);
    for (const late of await Promise.all(calls(5))) {
      assert.ok(late instanceof TimeoutError, String(late));
      assert.match(late.message, /^'host' did not answer in time: /);
    }
    for (const early of await Promise.all(calls(50))) {
      assert.equal(early.code, error === cancelled ? "cancelled" : "unavailable");
    }
  }
});

test("RpcAgent keeps what was said just before a deadline, and that nobody listened", async () => {
  const draining = new ConnectError("the server is draining", Code.Unavailable);
  const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  for (const error of [draining, refused]) {
    for (const failed of await Promise.all(failing(error).calls(5))) {
      assert.equal(failed.code, "unavailable", String(failed));
    }
  }
});
