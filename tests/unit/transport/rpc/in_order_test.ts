import { test } from "node:test";
import assert from "node:assert/strict";
import { inOrder } from "../../../../src/transport/rpc/in_order.ts";
import { jobs } from "../../core/fakes.ts";

/** Maps that end when they are told to. */
class Held {
  readonly begun: number[] = [];
  readonly #ends = new Map<number, () => void>();

  map = (item: number): Promise<string> => {
    this.begun.push(item);
    return new Promise((resolve) => this.#ends.set(item, () => resolve(`done ${item}`)));
  };

  end(item: number): void {
    this.#ends.get(item)!();
  }
}

async function* from(items: readonly number[]): AsyncGenerator<number> {
  yield* items;
}

test("inOrder() yields in the order of the source, whichever is done first", async () => {
  const held = new Held();
  const got = Array.fromAsync(inOrder(from([1, 2, 3]), held.map, 3));
  await jobs();
  assert.deepEqual(held.begun, [1, 2, 3]);
  for (const item of [3, 2, 1]) held.end(item);
  assert.deepEqual(await got, ["done 1", "done 2", "done 3"]);
});

test("inOrder() runs no more at once than allowed", async () => {
  const held = new Held();
  const got = Array.fromAsync(inOrder(from([1, 2, 3, 4]), held.map, 2));
  await jobs();
  assert.deepEqual(held.begun, [1, 2]);
  held.end(2);
  await jobs();
  assert.deepEqual(held.begun, [1, 2], "the first still runs");
  held.end(1);
  await jobs();
  assert.deepEqual(held.begun, [1, 2, 3, 4]);
  held.end(3);
  held.end(4);
  assert.equal((await got).length, 4);
});

test("inOrder() answers the first while the source says nothing more", async () => {
  const source = (async function* () {
    yield 1;
    await new Promise(() => {});
  })();
  const iterator = inOrder(source, (item) => Promise.resolve(`done ${item}`), 2);
  assert.deepEqual(await iterator.next(), { value: "done 1", done: false });
  await iterator.return();
});

test("inOrder() passes the source's failure on, and closes it when its consumer leaves", async () => {
  const failing = (async function* () {
    yield 1;
    throw new Error("broken");
  })();
  await assert.rejects(
    Array.fromAsync(inOrder(failing, () => new Promise(() => {}), 2)),
    /broken/,
  );
  let closed = false;
  const source = (async function* () {
    try {
      for (let i = 0;; i++) yield i;
    } finally {
      closed = true;
    }
  })();
  for await (const _ of inOrder(source, (item) => Promise.resolve(item), 1)) break;
  await jobs();
  assert.equal(closed, true);
});
