// Who may make an agent run tools over a network: nobody, unless the server says so.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sequential } from "../../../src/compose/mod.ts";
import { agent, collect, message, text } from "../../../src/core/mod.ts";
import {
  httpAgent,
  httpHandler,
  type HttpHandlerOptions,
} from "../../../src/transport/http/mod.ts";
import { memoryAgent, memoryHandler } from "../../../src/transport/memory/mod.ts";
import { tool, toolAgent, toolFailure, toolSuccess } from "../../../src/tools/mod.ts";
import { asking, peerCall, resultsOf } from "./fakes.ts";

/** A tool that counts its runs, behind an agent that says what metadata it got. */
function danger() {
  const state = { runs: 0 };
  const wipe = tool({ name: "wipe", description: "Deletes it all", execute: () => ++state.runs });
  const inner = agent("inner", async function* (m) {
    await null;
    yield `asked with ${JSON.stringify(m.metadata)}`;
  });
  return { state, target: toolAgent(inner, [wipe]) };
}

/** An agent that reaches another one through real requests and responses. */
function overHttp(target: Parameters<typeof httpHandler>[0], options?: HttpHandlerOptions) {
  const handler = httpHandler(target, options);
  return httpAgent("http://agents.test", {
    fetch: (url, init) => handler(new Request(url, init)),
  });
}

const request = asking([peerCall("wipe")], { session: "s1" });

test("toolAgent() over HTTP runs no tools that a remote request asks for", async () => {
  const { state, target } = danger();
  const remote = overHttp(target);
  assert.equal(text(await remote.process(request)), 'asked with {"session":"s1"}');
  const chunks = await collect(remote.stream!(request));
  assert.deepEqual(chunks.map(text), ['asked with {"session":"s1"}']);
  assert.equal(state.runs, 0);
});

test("toolAgent() over HTTP runs them when the server trusts its clients", async () => {
  const { state, target } = danger();
  const remote = overHttp(target, { trustToolCalls: true });
  const answer = await remote.process(request);
  assert.equal(answer.content, "Tool execution results:\n1. Success: 1");
  assert.deepEqual(resultsOf(answer), [toolSuccess(1)]);
  const [chunk] = await collect(remote.stream!(request));
  assert.equal(chunk!.content, "Tool execution results:\n1. Success: 2");
  assert.equal(state.runs, 2);
});

test("toolAgent() over HTTP still decides itself when the server trusts its clients", async () => {
  const { state } = danger();
  const wipe = tool({ name: "wipe", description: "Deletes it all", execute: () => ++state.runs });
  const inner = agent("inner", (m) => JSON.stringify(m.metadata));
  const closed = toolAgent(inner, [wipe], { acceptRequestCalls: false });
  const remote = overHttp(closed, { trustToolCalls: true });
  assert.equal(text(await remote.process(request)), '{"session":"s1"}');
  const asks = toolAgent(inner, [wipe], { authorize: (_, { source }) => source === "model" });
  const answer = await overHttp(asks, { trustToolCalls: true }).process(request);
  assert.deepEqual(resultsOf(answer), [toolFailure("Tool 'wipe' not authorized")]);
  assert.equal(state.runs, 0);
});

test("toolAgent() over HTTP refuses a list that is not right as invalid", async () => {
  const { target } = danger();
  const remote = overHttp(target, { trustToolCalls: true });
  await assert.rejects(remote.process(asking("wipe")), (error) => {
    assert.match((error as Error).message, /tool_calls must be a list/);
    assert.equal((error as { code: string }).code, "invalid_argument");
    return true;
  });
});

test("toolAgent() over HTTP runs what its own model asks for, whoever the caller is", async () => {
  const { state } = danger();
  const wipe = tool({ name: "wipe", description: "Deletes it all", execute: () => ++state.runs });
  const model = agent(
    "model",
    (m) =>
      m.role === "tool" ? text(m) : { content: "", metadata: { tool_calls: [peerCall("wipe")] } },
  );
  const answer = await overHttp(toolAgent(model, [wipe])).process(message("user", "go"));
  assert.equal(answer.content, "Tool execution results:\n1. Success: 1");
});

test("toolAgent() runs tools here for a model that is behind HTTP", async () => {
  const model = agent(
    "model",
    (m) =>
      m.role === "tool"
        ? `${text(m)} ${(m.metadata.history as unknown[]).length}`
        : { content: "", metadata: { tool_calls: [{ id: "c1", ...peerCall("here") }] } },
  );
  const here = tool({ name: "here", description: "Runs here", execute: () => "here" });
  const answer = await toolAgent(overHttp(model), [here]).process(message("user", "go"));
  assert.equal(answer.content, "Tool execution results:\n1. Success: here 2");
});

test("toolAgent() after a remote step runs what that asks for, unless it takes no request's calls", async () => {
  const { state } = danger();
  const wipe = tool({ name: "wipe", description: "Deletes it all", execute: () => ++state.runs });
  const inner = agent("inner", (m) => JSON.stringify(m.metadata));
  const remote = overHttp(
    agent("far", () => ({ content: "done", metadata: { tool_calls: [peerCall("wipe")] } })),
  );
  const closed = toolAgent(inner, [wipe], { acceptRequestCalls: false });
  assert.equal(text(await sequential([remote, closed]).process(message("user", "go"))), "{}");
  assert.equal(state.runs, 0);
  await sequential([remote, toolAgent(inner, [wipe])]).process(message("user", "go"));
  assert.equal(state.runs, 1);
});

test("toolAgent() behind the codec alone runs no tools of a request either", async () => {
  const { state, target } = danger();
  const remote = memoryAgent(memoryHandler(target));
  assert.equal(text(await remote.process(request)), 'asked with {"session":"s1"}');
  assert.equal(state.runs, 0);
  const trusted = memoryAgent(memoryHandler(target, { trustToolCalls: true }));
  await trusted.process(request);
  assert.equal(state.runs, 1);
});
