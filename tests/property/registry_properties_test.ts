import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "./fc.ts";
import { message, text } from "../../mod.ts";
import {
  type AgentRegistry,
  agentRegistry,
  memoryStore,
  type RegistryAgent,
  type RegistryEvent,
  roundRobin,
} from "../../src/registry/mod.ts";
import { TestClock } from "../../src/testing/mod.ts";

const TIMEOUT_MS = 1000;
const NAMES = ["a", "b", "c"];
const INSTANCES = ["1", "2"];

/** What the registry should hold: when each registration expires, and where it is. */
interface Model {
  now: number;
  readonly kept: Map<string, { endpoint: string; expiresAt: number }>;
}

interface Real {
  readonly clock: TestClock;
  /** Two registries of one store: what one does the other has to see. */
  readonly registries: readonly AgentRegistry[];
  readonly agents: readonly RegistryAgent[];
  /** What follows from the events. */
  readonly told: Map<string, string>;
}

type Command = fc.AsyncCommand<Model, Real>;

const tag = (name: string, instance: string) => `${name}/${instance}`;

function live(model: Model): Map<string, string> {
  return new Map(
    [...model.kept].filter(([, { expiresAt }]) => model.now <= expiresAt)
      .map(([key, { endpoint }]) => [key, endpoint]),
  );
}

abstract class Step implements Command {
  readonly name: string;
  readonly instance: string;
  readonly by: number;

  constructor(name: string, instance: string, by: number) {
    this.name = name;
    this.instance = instance;
    this.by = by;
  }

  check(): boolean {
    return true;
  }

  abstract run(model: Model, real: Real): Promise<void>;

  toString(): string {
    return `${this.constructor.name}(${this.name}/${this.instance} by ${this.by})`;
  }
}

class Register extends Step {
  async run(model: Model, real: Real) {
    const { name, instance } = this;
    const endpoint = `http://${name}${instance}/${model.now}-${model.kept.size}`;
    await real.registries[this.by]!.register({ name, instance, endpoint });
    model.kept.set(tag(name, instance), { endpoint, expiresAt: model.now + TIMEOUT_MS });
  }
}

class Unregister extends Step {
  async run(model: Model, real: Real) {
    const key = tag(this.name, this.instance);
    assert.equal(await real.registries[this.by]!.unregister(this), live(model).has(key));
    model.kept.delete(key);
  }
}

class Heartbeat extends Step {
  async run(model: Model, real: Real) {
    const key = tag(this.name, this.instance);
    const beat = real.registries[this.by]!.heartbeat(this);
    if (!live(model).has(key)) return await assert.rejects(beat, { code: "not_found" });
    await beat;
    model.kept.get(key)!.expiresAt = model.now + TIMEOUT_MS;
  }
}

class Look extends Step {
  async run(model: Model, real: Real) {
    const registry = real.registries[this.by]!;
    const expected = live(model);
    const listed = await registry.list();
    assert.deepEqual(
      new Map(listed.map((one) => [tag(one.name, one.instance), one.endpoint])),
      new Map([...expected].sort(([a], [b]) => a < b ? -1 : 1)),
    );
    assert.equal(await registry.size(), expected.size);
    const found = await registry.lookup(this);
    assert.equal(found?.endpoint, expected.get(tag(this.name, this.instance)));
  }
}

class Prune extends Step {
  async run(model: Model, real: Real) {
    await real.registries[this.by]!.prune();
    for (const [key, { expiresAt }] of model.kept) {
      if (model.now > expiresAt) model.kept.delete(key);
    }
  }
}

class Call extends Step {
  async run(model: Model, real: Real) {
    const expected = [...live(model)].filter(([key]) => key.startsWith(`${this.name}/`))
      .map(([, endpoint]) => endpoint);
    const agent = real.agents[NAMES.indexOf(this.name)]!;
    const seen: string[] = [];
    for (let i = 0; i < Math.max(1, expected.length); i++) {
      const answer = await agent.process(message("user", "who?")).catch((error) => {
        assert.equal(error.code, "unavailable");
      });
      if (answer !== undefined) seen.push(text(answer));
    }
    // In turn: each that is live once, and no other.
    assert.deepEqual(seen.sort(), expected.sort());
  }
}

class Advance implements Command {
  readonly ms: number;

  constructor(ms: number) {
    this.ms = ms;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real) {
    await real.clock.advance(this.ms);
    model.now += this.ms;
    await real.clock.advance(0);
    // Whoever only reads events knows as much as who asks, but for a timer that is about to fire.
    const late = [...model.kept].some(([, { expiresAt }]) => model.now === expiresAt + 1);
    if (!late) assert.deepEqual(new Map([...real.told].sort()), new Map([...live(model)].sort()));
  }

  toString(): string {
    return `Advance(${this.ms})`;
  }
}

async function follow(events: AsyncIterable<RegistryEvent>, told: Map<string, string>) {
  for await (const event of events) {
    if (!("registration" in event)) assert.fail(event.type);
    const { name, instance, endpoint } = event.registration;
    const key = tag(name, instance);
    if (event.type === "registered") assert.ok(!told.has(key), `${key} registered twice`);
    else assert.ok(told.has(key), `${key} ${event.type}, but was not there`);
    if (event.type === "registered" || event.type === "replaced") told.set(key, endpoint);
    else told.delete(key);
  }
}

test("agentRegistry() does what a simple model does, seen from two registries of one store", async () => {
  const step = (Type: new (name: string, instance: string, by: number) => Step) =>
    fc.tuple(
      fc.constantFrom(...NAMES),
      fc.constantFrom(...INSTANCES),
      fc.integer({ min: 0, max: 1 }),
    )
      .map(([name, instance, by]) => new Type(name, instance, by));
  const advance = fc.oneof(
    fc.constantFrom(1, 499, 500, TIMEOUT_MS, TIMEOUT_MS + 1),
    fc.integer({ min: 0, max: 2 * TIMEOUT_MS }),
  ).map((ms) => new Advance(ms));
  const commands = fc.commands<Model, Real, false>([
    step(Register),
    step(Register),
    step(Unregister),
    step(Heartbeat),
    step(Look),
    step(Prune),
    step(Call),
    advance,
  ], { maxCommands: 100 });

  await fc.assert(
    fc.asyncProperty(commands, async (steps) => {
      const clock = new TestClock();
      const store = memoryStore({ clock });
      const registries = [0, 1].map(() =>
        agentRegistry({ store, clock, heartbeatTimeoutMs: TIMEOUT_MS })
      );
      const connect = ({ name, endpoint }: { name: string; endpoint: string }) => ({
        name,
        process: () => Promise.resolve(message("agent", endpoint)),
      });
      const agents = NAMES.map((name) =>
        registries[0]!.agent(name, { connect, balance: roundRobin() })
      );
      const told = new Map<string, string>();
      const following = follow(registries[1]!.events(), told);
      await clock.advance(0);
      await fc.asyncModelRun(
        () => ({
          model: { now: 0, kept: new Map() },
          real: { clock, registries, agents, told },
        }),
        steps,
      );
      await Promise.all(registries.map((one) => one.close()));
      await following;
      assert.equal(clock.pending, 0);
    }),
    { numRuns: 150 },
  );
});
