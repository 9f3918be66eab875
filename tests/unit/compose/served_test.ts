import assert from "node:assert/strict";
import { test } from "node:test";
import {
  conditional,
  contentContains,
  fallback,
  parallel,
  router,
  sequential,
} from "../../../src/compose/mod.ts";
import { type Agent, agent, collect, message, text } from "../../../src/core/mod.ts";
import { httpAgent, httpHandler } from "../../../src/transport/http/mod.ts";
import { memoryAgent, memoryHandler } from "../../../src/transport/memory/mod.ts";
import { ask, fails, jobs, obedient, says, streams } from "./support.ts";

/** Offers an agent through the codec, and calls it there. */
const served = (target: Agent) => memoryAgent(memoryHandler(target), { name: target.name });

const spoken = streams("spoken", ["x", "y"]);
const compositions: Agent[] = [
  sequential([says("a"), spoken]),
  parallel([spoken]),
  fallback([fails("bad"), spoken]),
  conditional([{ when: contentContains("hi"), agent: spoken }]),
  router([spoken], { route: () => "spoken" }),
];

for (const target of compositions) {
  test(`${target.name}() can be served: process and stream are the same from far as from near`, async () => {
    const far = served(target);
    const near = await target.process(ask);
    const answer = await far.process(ask);
    assert.deepEqual([answer.content, answer.metadata], [near.content, near.metadata]);
    const chunks = await collect(far.stream(ask));
    assert.deepEqual(
      chunks.map((chunk) => [text(chunk), chunk.metadata]),
      (await collect(target.stream!(ask))).map((chunk) => [text(chunk), chunk.metadata]),
    );
  });
}

test("parallel() of remote agents answers like one of local agents", async () => {
  const one = served(agent("one", () => ({ content: "1", metadata: { k: [1] } })));
  const answer = await parallel([one, says("two")]).process(ask);
  assert.equal(answer.content, "[one]: 1\n[two]: two");
  assert.deepEqual(answer.metadata, { "one.k": [1] });
});

test("fallback() makes up for a remote agent that fails", async () => {
  const answer = await fallback([served(fails("far")), says("near")]).process(ask);
  assert.equal(answer.metadata.fallback_agent_used, "near");
});

test("parallel() cancels its losers all the way to a remote agent", async () => {
  const loser = obedient("loser");
  const some = parallel([
    served(loser),
    agent("quick", async () => {
      await jobs(400);
      return "first";
    }),
  ], { policy: "any" });
  assert.equal((await some.process(ask)).content, "[quick]: first");
  await jobs(400);
  assert.equal(loser.begun, 1);
  assert.equal(loser.ended, 1);
});

test("sequential() over HTTP answers and streams", async () => {
  const handler = httpHandler(sequential([says("a"), spoken], { name: "s" }));
  const far = httpAgent("http://test.invalid", {
    name: "s",
    fetch: (url, init) => Promise.resolve(handler(new Request(url, init))),
  });
  assert.equal(text(await far.process(message("user", "hi"))), "xy");
  assert.deepEqual((await collect(far.stream!(ask))).map(text), ["x", "y"]);
});
