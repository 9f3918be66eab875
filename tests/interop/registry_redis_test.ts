import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { agent, message, text } from "../../mod.ts";
import {
  agentRegistry,
  type AgentRegistryOptions,
  announce,
  roundRobin,
} from "../../src/registry/mod.ts";
import { redisStore } from "../../src/registry/redis/mod.ts";
import { listenMemory } from "../../src/transport/memory/mod.ts";
import { Redis, redisServer } from "./redis.ts";
import { Lazy, needs } from "./suite.ts";

const found = await needs("registry in Redis", { redis: redisServer() });
const hello = message("user", "hello");
const endpoint = "http://127.0.0.1:8080";

if (found !== undefined) {
  const redis = new Lazy(() => Redis.start(found.redis));
  let prefixes = 0;

  /** Registries of one store each, as different processes have them. */
  const registries = async (count: number, options: AgentRegistryOptions = {}, on?: Redis) => {
    const { url } = on ?? await redis.get();
    const prefix = `test-${++prefixes}`;
    const stores = Array.from({ length: count }, () => redisStore({ url, prefix }));
    const all = stores.map((store) => agentRegistry({ ...options, store }));
    return {
      all,
      stores,
      prefix,
      async [Symbol.asyncDispose]() {
        for (const one of all) await one.close();
        for (const store of stores) await store.close();
      },
    };
  };

  test("redis: what one registry does, another sees", async () => {
    await using made = await registries(2);
    const [one, other] = made.all as [typeof made.all[0], typeof made.all[0]];
    const told = await one.register({
      name: "a ☃ {}:*",
      endpoint,
      instance: "x\u0000y",
      capabilities: ["read"],
      metadata: { zone: "eu", deep: { list: [1, null, "\u2028"] } },
    });
    await one.register({ name: "b", endpoint });
    const seen = await other.lookup({ name: "a ☃ {}:*", instance: "x\u0000y" });
    assert.deepEqual({ ...seen, lastHeartbeat: "", expiresInMs: 0 }, {
      ...told,
      lastHeartbeat: "",
      expiresInMs: 0,
    });
    assert.ok(seen!.expiresInMs > 80_000 && seen!.expiresInMs <= 90_000);
    assert.deepEqual((await other.list()).map(({ name }) => name), ["a ☃ {}:*", "b"]);
    assert.deepEqual((await other.list("b")).length, 1);
    await other.heartbeat("b");
    await assert.rejects(other.heartbeat("c"), { code: "not_found" });
    const replaced = await other.register({ name: "b", endpoint: "http://two" });
    assert.equal((await one.lookup("b"))?.id, replaced.id);
    assert.equal(await one.unregister("b"), true);
    assert.equal(await other.unregister("b"), false);
    assert.equal(await other.size(), 1);
  });

  test("redis: prefixes are apart", async () => {
    await using one = await registries(1);
    await using other = await registries(1);
    await one.all[0]!.register({ name: "a", endpoint });
    assert.equal(await other.all[0]!.size(), 0);
  });

  test("redis: what gives no sign of life is gone, for everybody, and heartbeats keep the rest", async () => {
    await using made = await registries(2, { heartbeatTimeoutMs: 1_500 });
    const [one, other] = made.all;
    await one!.register({ name: "dead", endpoint });
    await one!.register({ name: "alive", endpoint });
    for (const end = performance.now() + 1_800; performance.now() < end;) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      await one!.heartbeat("alive");
    }
    assert.deepEqual((await other!.list()).map(({ name }) => name), ["alive"]);
    await assert.rejects(one!.heartbeat("dead"), { code: "not_found" });
    // Listing has already swept the index, or pruning does: never both.
    assert.ok(await other!.prune() <= 1);
    assert.equal(await other!.prune(), 0);
  });

  test("redis: events tell what others do, and what expires", async () => {
    await using made = await registries(2, { heartbeatTimeoutMs: 1_500 });
    const [one, other] = made.all;
    const events = other!.events();
    const next = async () => {
      const { value } = await events.next();
      return `${value.type} ${value.registration?.name}`;
    };
    await one!.register({ name: "a", endpoint });
    assert.equal(await next(), "registered a");
    await one!.register({ name: "a", endpoint });
    assert.equal(await next(), "replaced a");
    await one!.register({ name: "b", endpoint });
    await one!.unregister("b");
    assert.equal(await next(), "registered b");
    assert.equal(await next(), "unregistered b");
    assert.equal(await next(), "expired a");
    await events.return!();
  });

  test("redis: what others have put into the database is left alone", async () => {
    await using made = await registries(1);
    const [registry] = made.all;
    await registry!.register({ name: "a", endpoint });
    const { port } = await redis.get();
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const base = `{${made.prefix}}`;
    const commands = [
      ["SADD", `${base}:agents`, "junk", '["x"]', '["junk","default"]', '["list","default"]'],
      ["SET", `${base}:agent:["junk","default"]`, "{not json"],
      ["RPUSH", `${base}:agent:["list","default"]`, "1"],
      ["PUBLISH", `${base}:changes`, "{}"],
      ["PUBLISH", `${base}:changes`, "\u0000"],
    ];
    const events = registry!.events();
    assert.equal((await events.next()).value.registration.name, "a");
    for (const command of commands) {
      const bytes = command.map((part) =>
        `$${new TextEncoder().encode(part).length}\r\n${part}\r\n`
      );
      await connection.write(
        new TextEncoder().encode(`*${command.length}\r\n${bytes.join("")}`),
      );
      await connection.read(new Uint8Array(100));
    }
    assert.deepEqual((await registry!.list()).map(({ name }) => name), ["a"]);
    await registry!.register({ name: "b", endpoint });
    assert.equal((await events.next()).value.registration.name, "b");
    await events.return!();
  });

  test("redis: a thousand agents are listed, and beat at once", async () => {
    await using made = await registries(2);
    const [one, other] = made.all;
    const names = Array.from({ length: 1000 }, (_, i) => `agent-${String(i).padStart(4, "0")}`);
    await Promise.all(names.map((name) => one!.register({ name, endpoint })));
    await Promise.all(names.map((name) => one!.heartbeat(name)));
    assert.deepEqual((await other!.list()).map(({ name }) => name), names);
    assert.equal(await other!.size(), 1000);
  });

  test("redis: a server that is not there fails at once; one that comes is used", async () => {
    const own = await Redis.start(found.redis);
    await own.kill();
    await using made = await registries(1, { storeTimeoutMs: 20_000 }, own);
    const [registry] = made.all;
    const start = performance.now();
    await assert.rejects(registry!.list(), { code: "unavailable" });
    await assert.rejects(registry!.register({ name: "a", endpoint }), { code: "unavailable" });
    assert.ok(performance.now() - start < 10_000, "it did not wait for the time limit");
    await own.start();
    await eventually(async () => {
      await registry!.register({ name: "a", endpoint });
    });
    await own.kill();
  });

  test("redis: a restart that loses everything is survived by callers and announced agents", async () => {
    const own = await Redis.start(found.redis);
    await using made = await registries(2, { heartbeatTimeoutMs: 3_000 }, own);
    const [server, caller] = made.all;
    const listener = listenMemory("redis-restart", agent("a", (m) => `Echo: ${text(m)}`));
    await using announced = await announce(server!, { name: "a", endpoint: listener.url });
    const called = caller!.agent("a");
    const events: string[] = [];
    void (async () => {
      for await (const event of caller!.events()) events.push(event.type);
    })();
    assert.equal(text(await called.process(hello)), "Echo: hello");
    const changes: string[] = [];
    await made.stores[1]!.watch(({ type }) => changes.push(type));

    await own.kill();
    for (let i = 0; i < 20; i++) {
      assert.equal(text(await called.process(hello)), "Echo: hello");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await eventually(() => assert.deepEqual(events, ["registered", "degraded"]));
    await own.start();
    await eventually(() => assert.ok(events.includes("recovered")));
    await eventually(() => assert.deepEqual(changes.slice(0, 2), ["lost", "restored"]));
    // Not gone, though the server knows nothing of it until the next sign of life.
    assert.equal(text(await called.process(hello)), "Echo: hello");
    await eventually(async () => assert.equal(await caller!.size(), 1));
    assert.equal(announced.state, "registered");
    assert.equal(text(await called.process(hello)), "Echo: hello");
    assert.ok(!events.includes("unregistered") && !events.includes("expired"), events.join());

    // And changes are told again.
    await server!.register({ name: "late", endpoint });
    await eventually(() => assert.equal(events.at(-1), "registered"));
    listener.close();
    await own.kill();
  });

  test("redis: a server that hangs slows nobody down who knows endpoints, and fails within the limit", async () => {
    const own = await Redis.start(found.redis);
    await using made = await registries(1, { storeTimeoutMs: 800, heartbeatTimeoutMs: 1_000 }, own);
    const [registry] = made.all;
    const listener = listenMemory("redis-hangs", agent("a", () => "yes"));
    await registry!.register({ name: "a", endpoint: listener.url });
    const called = registry!.agent("a");
    await called.process(hello);
    own.freeze();
    try {
      await assert.rejects(registry!.list(), { code: "unavailable", message: /800 ms/ });
      await assert.rejects(registry!.heartbeat("a"), { code: "unavailable" });
      let slowest = 0;
      for (let i = 0; i < 100; i++) {
        const start = performance.now();
        await called.process(hello);
        if (i > 0) slowest = Math.max(slowest, performance.now() - start);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      // Only where everything known has expired, one call waits for the store, and no longer than it may take.
      assert.ok(slowest < 5_000, `${slowest} ms`);
    } finally {
      own.thaw();
    }
    await eventually(() => registry!.list());
    listener.close();
    await own.kill();
  });

  test("redis: processes on Deno, Node and Bun share a registry; one that is killed is left out, one that drains tells", async () => {
    const { url } = await redis.get();
    await using made = await registries(1, { heartbeatTimeoutMs: 3_000 });
    const [registry] = made.all;
    const script = fileURLToPath(new URL("registry_member.ts", import.meta.url));
    const programs = [
      [Deno.execPath(), "run", "-A", "--quiet"],
      [Deno.env.get("AGENKIT_TEST_NODE") ?? Deno.execPath()],
      [Deno.env.get("AGENKIT_TEST_BUN") ?? Deno.execPath()],
    ].map((line) => line[0] === Deno.execPath() ? [line[0], "run", "-A", "--quiet"] : line);
    const members = programs.map(([program = "", ...args]) =>
      new Deno.Command(program, {
        args: [...args, script, url, made.prefix, "shared"],
        stdin: "piped",
        stdout: "piped",
        stderr: "inherit",
      }).spawn()
    );
    try {
      await eventually(
        async () => assert.equal((await registry!.list("shared")).length, 3),
        30_000,
      );
      const failovers: string[] = [];
      const called = registry!.agent("shared", {
        balance: roundRobin(),
        // What is sent at the moment of a crash may have arrived; asking twice does no harm here.
        failover: "unavailable",
        onFailover: ({ registration }) => failovers.push(registration.endpoint),
      });
      const pidOf = async () => /^\d+/.exec(text(await called.process(hello)))![0];
      const seen = new Set<string>();
      for (let i = 0; i < 6; i++) seen.add(await pidOf());
      assert.deepEqual([...seen].sort(), members.map(({ pid }) => `${pid}`).sort());

      // A crash: nobody is told. Calls go elsewhere, since the connection is refused.
      members[0]!.kill("SIGKILL");
      await members[0]!.status;
      for (let i = 0; i < 6; i++) assert.notEqual(await pidOf(), `${members[0]!.pid}`);
      assert.ok(failovers.length >= 1);
      await eventually(async () => assert.equal((await registry!.list("shared")).length, 2));

      // One that drains takes itself out before it refuses anything.
      const before = failovers.length;
      await members[1]!.stdin.close();
      const leaving = members[1]!.status;
      let left = false;
      void leaving.then(() => left = true);
      while (!left) assert.match(await pidOf(), /^\d+$/);
      assert.equal((await leaving).code, 0);
      await eventually(async () => assert.equal((await registry!.list("shared")).length, 1));
      for (let i = 0; i < 4; i++) assert.equal(await pidOf(), `${members[2]!.pid}`);
      assert.equal(failovers.length, before, "the drain cost nobody an attempt");
    } finally {
      for (const member of members) {
        await member.stdin.close().catch(() => {});
        await member.stdout.cancel();
        await member.status;
      }
    }
  });

  test("redis: agenkit serve --registry and agenkit call --registry find each other; SIGTERM takes out", async () => {
    const { url } = await redis.get();
    const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
    const module = fileURLToPath(new URL("../../examples/agents/docs_agent.ts", import.meta.url));
    const command = (...args: string[]) =>
      new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--quiet", main, ...args],
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
        env: { NO_COLOR: "1" },
      });
    const call = async () => {
      const { code, stdout, stderr } = await command("call", "docs", "--registry", url, "drain")
        .output();
      return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
    };
    const before = await call();
    assert.equal(before.code, 3);
    assert.match(before.err, /^unavailable: No endpoint of agent 'docs' is registered/);

    const served = command("serve", module, "--port", "0", "--registry", url).spawn();
    const said = served.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
    let text = "";
    while (!text.includes("Try:")) text += (await said.next()).value ?? assert.fail(text);
    assert.match(text, /docs is registered at http:/);
    const during = await call();
    assert.equal(during.code, 0, during.err);
    assert.notEqual(during.out.trim(), "");
    served.kill("SIGTERM");
    assert.equal((await served.status).code, 0);
    while (!(await said.next()).done);
    await served.stderr.cancel();
    assert.equal((await call()).code, 3);
  });

  test("redis: the server is stopped", () => redis.stop());
}

/** Tries until it goes well. */
async function eventually(attempt: () => unknown, withinMs = 10_000): Promise<void> {
  const end = performance.now() + withinMs;
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}
