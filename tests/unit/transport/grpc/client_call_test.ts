import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import assert from "node:assert/strict";
import type {
  ConnectionStream,
  Http2Connection,
} from "../../../../src/transport/http2/connection.ts";
import { ClientCall } from "../../../../src/transport/grpc/client_call.ts";
import { framed } from "./raw.ts";

const HEAD = { ":status": 200, "content-type": "application/grpc" };
const EVENTS: Readonly<Record<string, unknown>> = {
  response: HEAD,
  data: framed(Buffer.from("good")),
  trailers: { "grpc-status": "0" },
  end: undefined,
};

/** A call on a stream whose events a test makes up. */
function call(single = true) {
  const stream = Object.assign(new EventEmitter(), {
    rstCode: 0,
    closed: 0,
    pause() {},
    resume() {},
    close() {
      stream.closed++;
    },
  });
  const connection = { heard() {}, failure: undefined } as unknown as Http2Connection;
  const opened = { stream, over() {} } as unknown as ConnectionStream;
  const format = {
    parse: (bytes: Uint8Array) => new TextDecoder().decode(bytes),
    maxBytes: 100,
    single,
  };
  const { signal } = new AbortController();
  const made = new ClientCall(connection, opened, format, null, signal);
  const say = (event: string) => stream.emit(event, EVENTS[event]);
  return { call: made, say, stream };
}

function* ordersOf(events: readonly string[]): Generator<readonly string[]> {
  if (events.length === 0) yield [];
  for (const [i, first] of events.entries()) {
    for (const rest of ordersOf(events.toSpliced(i, 1))) yield [first, ...rest];
  }
}

test("ClientCall reads an answer in whatever order a runtime tells of it", async () => {
  for (const order of ordersOf(Object.keys(EVENTS))) {
    // What comes after the end was not sent.
    if (order.indexOf("data") > order.indexOf("end")) continue;
    for (const single of [true, false]) {
      const { call: made, say, stream } = call(single);
      const begun = made.begun();
      for (const event of [...order, "close"]) say(event);
      await begun;
      assert.deepEqual(
        [await made.answers.next(), await made.answers.next()],
        [{ done: false, value: "good" }, { done: true, value: undefined }],
        order.join(),
      );
      assert.equal(stream.closed, 0);
    }
  }
});

test("ClientCall tells that a stream has closed before all was said", async () => {
  const events = Object.keys(EVENTS);
  for (const missing of ["response", "trailers"]) {
    const { call: made, say } = call();
    const answer = assert.rejects(made.answers.next(), /ended before the answer did/, missing);
    for (const event of events) if (event !== missing) say(event);
    say("close");
    await answer;
  }
});
