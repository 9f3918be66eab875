import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { AgenkitError, agent, text } from "../../../mod.ts";
import { type Io, main } from "../../../src/cli/main.ts";
import { serve } from "../../../src/serve/mod.ts";

/** Runs the command line, and collects what it wrote. */
async function run(args: readonly string[], changes: Partial<Io> = {}) {
  const written = { out: "", err: "" };
  const code = await main(args, {
    out: (said) => void (written.out += said),
    err: (said) => void (written.err += said),
    input: () => Promise.resolve(undefined),
    colours: false,
    errorColours: false,
    stop: new AbortController().signal,
    ...changes,
  });
  return { code, ...written };
}

const served = agent({
  name: "served",
  capabilities: ["echo"],
  process: (m, { signal }) => {
    const { behaviour } = m.metadata;
    if (behaviour === "fail") throw new AgenkitError("permission_denied", "not you");
    if (behaviour === "hang") {
      return new Promise<never>((_, reject) => {
        signal!.addEventListener("abort", () => reject(signal!.reason));
      });
    }
    return { content: `${m.role}: ${text(m)}`, metadata: { seen: m.metadata } };
  },
  async *stream(m) {
    yield "one ";
    yield text(m);
  },
});

/** Serves for as long as a test takes. */
async function withServer(body: (url: string) => Promise<void>): Promise<void> {
  const server = await serve(served, { port: 0 });
  try {
    await body(server.url);
  } finally {
    await server.close();
  }
}

test("agenkit shows its help and version", async () => {
  for (const args of [["--help"], ["-h"], ["help"]]) {
    const { code, out, err } = await run(args);
    assert.equal(code, 0);
    assert.match(out, /^agenkit \d+\.\d+\.\d+: .*\n\nUsage: agenkit <command>/);
    assert.equal(err, "");
  }
  assert.match((await run(["--version"])).out, /^\d+\.\d+\.\d+\n$/);
  for (const command of ["serve", "call"]) {
    const asked = await run(["help", command]);
    assert.match(asked.out, new RegExp(`Usage: agenkit ${command} `));
    assert.deepEqual(await run([command, "--help"]), asked);
  }
});

test("agenkit refuses what it cannot understand with 2 and a hint", async () => {
  const cases: readonly [readonly string[], RegExp][] = [
    [[], /a command is needed/],
    [["dance"], /there is no command "dance"/],
    [["constructor"], /there is no command "constructor"/],
    [["call"], /call needs the URL/],
    [["call", "http://x", "a", "b"], /call takes one text, got also "b"/],
    [["call", "http://x"], /call needs a text/],
    [["call", "http://x", "a", "--nope"], /--nope/],
    [["call", "http://x", "a", "--timeout", "soon"], /--timeout must be a duration/],
    [["call", "http://x", "a", "--metadata", "[1]"], /--metadata must be a JSON object/],
    [["call", "http://x", "a", "--header", "nope"], /--header must be "Name: value"/],
    [["call", "http://x", "a", "--header", "no name: x"], /--header must be "Name: value"/],
    [["call", "nope://x", "a"], /must begin with one of http:, https:, .*nope:\/\/x/],
    [["call", "tcp://x", "a"], /must be like tcp:\/\/host:9000/],
    [["call", "tcp://x:1", "a", "-H", "a: b"], /this transport has none/],
    [["call", "tcps://x:1", "a", "--ca", "/nowhere.pem"], /--ca cannot be read/],
    [["call", "a", "b", "--registry", "http://x"], /--registry must be a redis:/],
    [["call", "a", "b", "--registry", "redis://x", "--name", "c"], /--name is for URLs/],
    [["serve"], /serve needs a module/],
    [["serve", "a.ts", "b.ts"], /serve takes one module/],
    [["serve", "a.ts", "--port", "80x"], /./],
    [["serve", "a.ts", "--grpc", "x"], /./],
    [["serve", "a.ts", "--advertise", "http://x"], /--advertise needs --registry/],
    [
      ["serve", "a.ts", "--registry", "redis://x", "--hostname", "0.0.0.0"],
      /--registry needs --advertise/,
    ],
    [["serve", "/nowhere/agent.ts"], /Cannot load \/nowhere\/agent\.ts/],
    [["serve", "a.ts", "--cert", "x.pem"], /./],
  ];
  for (const [args, expected] of cases) {
    const { code, out, err } = await run(args);
    assert.equal(code, 2, `${args.join(" ")}: ${err}`);
    assert.match(err, expected);
    assert.match(err, /Run "agenkit (?:call |serve )?--help" for help\.\n$/);
    assert.equal(out, "");
  }
});

test("agenkit call prints the answer, at once and streamed", async () => {
  await withServer(async (url) => {
    assert.deepEqual(await run(["call", url, "hi"]), { code: 0, out: "user: hi\n", err: "" });
    const role = await run(["call", url, "hi", "--role", "system", "-t", "5s"]);
    assert.equal(role.out, "system: hi\n");
    assert.equal((await run(["call", url, "hi", "--stream"])).out, "one hi\n");
    const input = await run(["call", url], { input: () => Promise.resolve("from a pipe") });
    assert.equal(input.out, "user: from a pipe\n");
    const bare = await run(["call", url.slice("http://".length), "hi"]);
    assert.equal(bare.out, "user: hi\n", "a host alone is HTTP");
  });
});

test("agenkit call --json prints whole messages, one a line", async () => {
  await withServer(async (url) => {
    const { out } = await run(["call", url, "hi", "--json", "--metadata", '{"a":1}']);
    const answer = JSON.parse(out);
    assert.equal(answer.content, "user: hi");
    assert.deepEqual(answer.metadata, { seen: { a: 1 } });
    const lines = (await run(["call", url, "hi", "--json", "-s"])).out.trim().split("\n");
    assert.deepEqual(lines.map((line) => JSON.parse(line).content), ["one ", "hi"]);
  });
});

test("agenkit call ends with a code for each kind of failure", async () => {
  await withServer(async (url) => {
    const failed = await run(["call", url, "hi", "--metadata", '{"behaviour":"fail"}']);
    assert.deepEqual(failed, { code: 1, out: "", err: "permission_denied: not you\n" });
    const hang = ["call", url, "hi", "--metadata", '{"behaviour":"hang"}'];
    const late = await run([...hang, "--timeout", "50ms"]);
    assert.equal(late.code, 4);
    assert.match(late.err, /^deadline_exceeded: /);
    const stop = new AbortController();
    const interrupted = run(hang, { stop: stop.signal });
    setTimeout(() => stop.abort(), 50);
    assert.equal((await interrupted).code, 130);
  });
  const nobody = await run(["call", "http://127.0.0.1:1", "hi"]);
  assert.equal(nobody.code, 3);
  assert.match(nobody.err, /^unavailable: Cannot reach http:\/\/127\.0\.0\.1:1/);
});

test("agenkit uses colours only where they are welcome", async () => {
  const plain = await run(["call", "http://127.0.0.1:1", "hi"]);
  assert.ok(!plain.err.includes("\x1b["));
  const painted = await run(["call", "http://127.0.0.1:1", "hi"], { errorColours: true });
  assert.ok(painted.err.startsWith("\x1b[31munavailable\x1b[0m: "), painted.err);
  for (const args of [["call", "http://127.0.0.1:1", "hi"], ["dance"]]) {
    const logged = await run(args, { colours: true });
    assert.ok(!logged.err.includes("\x1b["), "errors go to a file, answers to a terminal");
  }
});

test("agenkit serve serves what a module exports until it is stopped, then drains", async () => {
  const folder = await mkdtemp(join(tmpdir(), "agenkit-"));
  const core = fileURLToPath(new URL("../../../mod.ts", import.meta.url));
  const module = join(folder, "agents.ts");
  await writeFile(
    module,
    `import { agent } from ${JSON.stringify(core)};
export default agent("first", (m) => "first " + m.content);
export const more = { second: agent("second", () => "second") };
export const version = 1;
`,
  );
  const empty = join(folder, "empty.ts");
  await writeFile(empty, "export const version = 1;\n");
  try {
    const none = await run(["serve", empty]);
    assert.equal(none.code, 2);
    assert.match(none.err, /exports no agent: expected agent\(\.\.\.\).*got version/);

    const stop = new AbortController();
    const ready = Promise.withResolvers<string>();
    let said = "";
    const socket = join(folder, "agents.sock");
    const options = ["--port", "0", "--grpc", "0", "--tcp", "0", "--unix", socket];
    const ended = run(["serve", module, ...options], {
      stop: stop.signal,
      out: (part) => {
        said += part;
        const url = /Try: agenkit call (\S+)/.exec(said)?.[1];
        if (url !== undefined) ready.resolve(url);
      },
    });
    const url = await ready.promise;
    assert.equal((await run(["call", url, "hi"])).out, "first hi\n");
    assert.equal((await run(["call", url, "hi", "--name", "second"])).out, "second\n");
    const urls = /^Serving at (.*)$/m.exec(said)![1]!.split(", ");
    assert.deepEqual(urls.map((one) => one.replace(/\d+$/, "0")).sort(), [
      "grpc://127.0.0.1:0",
      "http://127.0.0.1:0",
      "tcp://127.0.0.1:0",
      `unix://${socket}`,
      "ws://127.0.0.1:0",
    ]);
    for (const one of [...urls, `connect+${url}`, `grpc-web+${url}`]) {
      const { out, err } = await run(["call", one, "hi", "--name", "second"]);
      assert.equal(out, "second\n", `${one}: ${err}`);
    }
    stop.abort();
    assert.equal((await ended).code, 0);
    assert.match(said, /first\n.*second\n/s);
    assert.match(said, /Draining(?:: waiting for \d+ calls?)?\nStopped\n$/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
