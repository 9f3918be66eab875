import assert from "node:assert/strict";
import { test } from "node:test";
import { message, text } from "../../mod.ts";
import {
  agentRegistry,
  memoryStore,
  type RegistryEvent,
  type RegistryStore,
  type StoreChange,
} from "../../src/registry/mod.ts";
import { TestClock } from "../../src/testing/mod.ts";
import { jobs } from "../unit/core/fakes.ts";
import { fc } from "./fc.ts";

const TIMEOUT_MS = 10_000;

/**
 * A store at the other end of two connections: answers and changes arrive in an
 * order that chance decides, except that each kind keeps its own, and changes
 * are lost while that connection is.
 */
class FarStore implements RegistryStore {
  readonly inner: RegistryStore;
  readonly #scheduler: fc.Scheduler;
  #listener: ((change: StoreChange) => void) | undefined;
  #told: Promise<unknown> = Promise.resolve();
  #lost = false;

  constructor(inner: RegistryStore, scheduler: fc.Scheduler) {
    this.inner = inner;
    this.#scheduler = scheduler;
    void inner.watch((change) => {
      if (!this.#lost) this.#tell(change);
    });
  }

  put: RegistryStore["put"] = (registration) => this.inner.put(registration);
  touch: RegistryStore["touch"] = (key, ms) => this.inner.touch(key, ms);
  remove: RegistryStore["remove"] = (key) => this.inner.remove(key);
  prune: RegistryStore["prune"] = () => this.inner.prune();

  async list(name?: string) {
    await this.#scheduler.schedule(Promise.resolve(), "the question arrives");
    const found = await this.inner.list(name);
    return await this.#scheduler.schedule(Promise.resolve(found), "the list arrives");
  }

  async watch(listener: (change: StoreChange) => void) {
    await this.#scheduler.schedule(Promise.resolve(), "it is watched");
    this.#listener = listener;
    return () => Promise.resolve();
  }

  lose(): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#tell({ type: "lost", error: new Error("lost") });
  }

  restore(): void {
    if (!this.#lost) return;
    this.#lost = false;
    this.#tell({ type: "restored" });
  }

  #tell(change: StoreChange): void {
    const before = this.#told;
    this.#told = before.then(() =>
      this.#scheduler.schedule(Promise.resolve(), `a change arrives: ${change.type}`)
    ).then(() => this.#listener?.(change));
  }
}

type Step =
  | { readonly do: "put" | "remove"; readonly name: string }
  | { readonly do: "ask" | "lose" | "restore" | "arrive" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("put" as const, "remove" as const),
      name: fc.constantFrom("a", "b", "c"),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom("ask" as const, "arrive" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("lose" as const, "restore" as const) }) },
);

test("agentRegistry() knows in the end what the store knows, in whatever order it hears of it", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(step, { maxLength: 40 }),
      async (scheduler, steps) => {
        const clock = new TestClock();
        const store = new FarStore(memoryStore({ clock }), scheduler);
        // One writes close to the store, the other hears of it.
        const writer = agentRegistry({ store: store.inner, clock, heartbeatTimeoutMs: TIMEOUT_MS });
        const reader = agentRegistry({
          store,
          clock,
          heartbeatTimeoutMs: TIMEOUT_MS,
          // Chance decides when answers come, not the clock.
          storeTimeoutMs: Infinity,
        });
        const told = new Map<string, string>();
        const follow = (async (events: AsyncIterable<RegistryEvent>) => {
          for await (const event of events) {
            if (!("registration" in event)) continue;
            const { name, id } = event.registration;
            if (event.type === "registered" || event.type === "replaced") told.set(name, id);
            else told.delete(name);
          }
        })(reader.events());
        const called = ["a", "b", "c"].map((name) =>
          reader.agent(name, {
            connect: ({ name, id }) => ({
              name,
              process: () => Promise.resolve(message("agent", id)),
            }),
          })
        );
        const calls: Promise<unknown>[] = [];
        let id = 0;
        for (const one of steps) {
          if (one.do === "put") {
            await writer.register({ name: one.name, endpoint: `http://${id++}` });
          } else if (one.do === "remove") await writer.unregister(one.name);
          else if (one.do === "lose") store.lose();
          else if (one.do === "restore") store.restore();
          else if (one.do === "arrive") {
            if (scheduler.count() > 0) await scheduler.waitOne();
          } else {
            for (const one of called) calls.push(one.process(message("user", "?")).catch(() => {}));
          }
          await jobs();
        }
        store.restore();
        const arrive = async () => {
          await jobs();
          for (await clock.advance(0); scheduler.count() > 0; await clock.advance(0)) {
            await scheduler.waitOne();
          }
        };
        await arrive();
        // Who is there is known as soon as everything has arrived, without any time passing.
        for (const { name, id } of await writer.list()) assert.equal(told.get(name), id);
        // Whoever was lost while nobody heard of it goes when its time is over; the others beat.
        for (let i = 0; i < 4; i++) {
          await arrive();
          for (const { name } of await writer.list()) await writer.heartbeat(name);
          await clock.advance(TIMEOUT_MS / 2 + 1);
          await jobs();
        }
        await Promise.all(calls);

        const live = new Map((await writer.list()).map((one) => [one.name, one.id]));
        assert.deepEqual(new Map([...told].sort()), new Map([...live].sort()));
        for (const [i, one] of called.entries()) {
          const answer = one.process(message("user", "?")).then(text, (error) => error.code);
          await jobs();
          await arrive();
          assert.equal(await answer, live.get("abc"[i]!) ?? "unavailable");
        }
        await reader.close();
        await writer.close();
        await follow;
        assert.equal(clock.pending, 0);
      },
    ),
    { numRuns: 400 },
  );
});
