import assert from "node:assert/strict";
import { test } from "node:test";
import { createContextKey, createContextValues } from "../../../src/core/context.ts";
import {
  type AbortWatcher,
  isAborted,
  LinkedSignal,
  onAbort,
  reasonOf,
  throwIfAborted,
  unwatchAbort,
  watchAbort,
} from "../../../src/core/signals.ts";
import { countControllers, WatchedSignal } from "./fakes.ts";

const REASON = new Error("reason");

class Watcher implements AbortWatcher {
  told = 0;
  handleEvent(): void {
    this.told++;
  }
}

test("onAbort() runs its callback once, when the signal aborts", () => {
  const { controller, signal } = new AbortControllerOf();
  let ran = 0;
  onAbort(signal, () => ran++);
  assert.equal(ran, 0);
  controller.abort();
  controller.abort();
  assert.equal(ran, 1);
});

test("onAbort() runs its callback at once when the signal has aborted", () => {
  let ran = 0;
  onAbort(AbortSignal.abort(), () => ran++)();
  assert.equal(ran, 1);
});

test("onAbort() takes its callback back, and does nothing without a signal", () => {
  const watched = new WatchedSignal();
  const release = onAbort(watched.signal, assert.fail);
  assert.equal(watched.listeners, 1);
  release();
  assert.equal(watched.listeners, 0);
  watched.controller.abort();
  onAbort(undefined, assert.fail)();
});

test("LinkedSignal makes no AbortController and no listener unless asked for its signal", () => {
  const parent = new WatchedSignal();
  const made = countControllers(() => {
    const link = new LinkedSignal(parent.signal);
    const call = link.options({ signal: parent.signal });
    throwIfAborted(call);
    assert.equal(isAborted(call), false);
    const inner = new LinkedSignal(call);
    throwIfAborted(inner.options(call));
    inner.release();
    link.abort(REASON);
    assert.ok(link.aborted);
    link.release();
  });
  assert.equal(made, 0);
  assert.equal(parent.added, 0);
});

test("LinkedSignal makes one AbortController and one listener when asked", () => {
  const parent = new WatchedSignal();
  const made = countControllers(() => {
    const link = new LinkedSignal(parent.signal);
    const call = link.options(undefined);
    assert.equal(call.signal, link.signal);
    assert.equal(link.signal, link.signal);
  });
  assert.equal(made, 1);
  assert.equal(parent.added, 1);
  assert.equal(parent.listeners, 1);
});

test("LinkedSignal passes the parent's abort and reason on", () => {
  const { controller, signal } = new AbortControllerOf();
  const link = new LinkedSignal(signal);
  const linked = link.signal;
  let events = 0;
  linked.addEventListener("abort", () => events++);
  controller.abort(REASON);
  assert.ok(linked.aborted && link.aborted);
  assert.equal(linked.reason, REASON);
  assert.equal(link.reason, REASON);
  assert.equal(events, 1);
});

test("LinkedSignal of a parent that has aborted is aborted, with the same reason", () => {
  const link = new LinkedSignal(AbortSignal.abort(REASON));
  assert.ok(link.aborted);
  assert.equal(link.reason, REASON);
  assert.ok(link.signal.aborted);
  assert.equal(link.signal.reason, REASON);
});

test("LinkedSignal.abort() aborts its own signal and not the parent's", () => {
  const parent = new WatchedSignal();
  const link = new LinkedSignal(parent.signal);
  const { signal } = link;
  link.abort(REASON);
  assert.ok(signal.aborted);
  assert.equal(signal.reason, REASON);
  assert.ok(!parent.signal.aborted);
  assert.equal(parent.listeners, 0, "the parent is let go of");
});

test("LinkedSignal.abort() before anybody asks is seen by who asks later", () => {
  const link = new LinkedSignal();
  link.abort(REASON);
  assert.ok(link.signal.aborted);
  assert.equal(link.signal.reason, REASON);
});

test("LinkedSignal.abort() without a reason gives an AbortError; only the first reason counts", () => {
  const link = new LinkedSignal();
  link.abort();
  link.abort(REASON);
  assert.equal((link.signal.reason as DOMException).name, "AbortError");
  const controller = new AbortController();
  const linked = new LinkedSignal(controller.signal);
  linked.abort(REASON);
  controller.abort(new Error("later"));
  assert.equal(linked.signal.reason, REASON);
});

test("LinkedSignal.release() removes the listener, also twice", () => {
  const parent = new WatchedSignal();
  const link = new LinkedSignal(parent.signal);
  const { signal } = link;
  assert.equal(parent.listeners, 1);
  link.release();
  link.release();
  assert.equal(parent.listeners, 0);
  parent.controller.abort(REASON);
  assert.ok(!signal.aborted, "the call is over");
});

test("LinkedSignal.abort() reaches its signal when the parent's abort no longer does", () => {
  const parent = new AbortController();
  const link = new LinkedSignal(parent.signal);
  const { signal } = link;
  link.release();
  parent.abort(REASON);
  link.abort(new Error("later"));
  assert.ok(signal.aborted);
  assert.equal(signal.reason, REASON, "the first reason counts");
});

test("LinkedSignal adds no listener for who asks after the call is over", () => {
  const parent = new WatchedSignal();
  const link = new LinkedSignal(parent.signal);
  link.release();
  assert.ok(!link.signal.aborted);
  assert.equal(parent.added, 0);
  const aborted = new LinkedSignal(AbortSignal.abort(REASON));
  aborted.release();
  assert.equal(aborted.signal.reason, REASON);
});

test("LinkedSignal takes its parent from a function, and asks it once", () => {
  let asked = 0;
  const controller = new AbortController();
  const link = new LinkedSignal(() => {
    asked++;
    return controller.signal;
  });
  assert.ok(!link.aborted);
  assert.equal(asked, 0);
  const { signal } = link;
  controller.abort(REASON);
  assert.equal(signal.reason, REASON);
  assert.equal(link.reason, REASON);
  assert.equal(asked, 1);
});

test("LinkedSignal of linked options passes aborts down a chain of layers", () => {
  const root = new AbortController();
  const outer = new LinkedSignal(root.signal);
  const outerCall = outer.options({ signal: root.signal });
  const inner = new LinkedSignal(outerCall);
  const innermost = new LinkedSignal(inner.options(outerCall));
  const { signal } = innermost;
  outer.abort(REASON);
  assert.ok(inner.aborted && innermost.aborted && signal.aborted);
  assert.equal(signal.reason, REASON);
  assert.ok(!root.signal.aborted);
});

test("LinkedSignal.options() keeps values and the deadline, or sets a nearer one", () => {
  const key = createContextKey(0);
  const values = createContextValues().with(key, 1);
  const link = new LinkedSignal();
  assert.equal(link.options({ deadline: 5, values }).deadline, 5);
  assert.equal(link.options({ deadline: 5, values }, 3).deadline, 3);
  assert.equal(link.options({ deadline: 5, values }).values, values);
  assert.equal(link.options(undefined).deadline, undefined);
});

test("LinkedSignal.options() keep their signal when they are copied by spread", () => {
  const link = new LinkedSignal();
  const copy = { ...link.options({ deadline: 5 }), deadline: 4 };
  assert.equal(copy.signal, link.signal);
  assert.ok(Object.keys(link.options(undefined)).includes("signal"));
  link.abort(REASON);
  assert.throws(() => throwIfAborted(copy), REASON);
});

test("throwIfAborted() looks at the signal that a copy of linked options was given", () => {
  const link = new LinkedSignal();
  const mine = new AbortController();
  const copy = { ...link.options(undefined), signal: mine.signal };
  throwIfAborted(copy);
  mine.abort(REASON);
  assert.throws(() => throwIfAborted(copy), REASON);
  assert.ok(isAborted(copy));
  assert.equal(reasonOf(copy), REASON);
  const below = new LinkedSignal(copy);
  assert.ok(below.aborted);
  assert.equal(below.signal.reason, REASON);
  const spared = { ...link.options(undefined), signal: undefined };
  link.abort(new Error("not for the copy"));
  throwIfAborted(spared);
});

test("throwIfAborted() throws the signal's own reason", () => {
  throwIfAborted(undefined);
  throwIfAborted({});
  throwIfAborted({ signal: new AbortController().signal });
  for (const reason of [REASON, "text", 0, null]) {
    let thrown: unknown = "nothing";
    try {
      throwIfAborted({ signal: AbortSignal.abort(reason) });
    } catch (error) {
      thrown = error;
    }
    assert.equal(thrown, reason);
  }
  const link = new LinkedSignal(AbortSignal.abort(REASON));
  assert.throws(() => throwIfAborted(link.options(undefined)), REASON);
});

test("isAborted() and reasonOf() read any source", () => {
  const aborted = AbortSignal.abort(REASON);
  assert.ok(isAborted(aborted) && isAborted({ signal: aborted }));
  assert.ok(!isAborted(undefined) && !isAborted({}) && !isAborted(new AbortController().signal));
  assert.equal(reasonOf({ signal: aborted }), REASON);
  assert.equal(reasonOf(undefined), undefined);
  assert.equal(reasonOf({}), undefined);
});

test("watchAbort() tells a watcher of plain options once, and unwatchAbort() takes it back", () => {
  const parent = new WatchedSignal();
  const call = { signal: parent.signal };
  const [told, taken] = [new Watcher(), new Watcher()];
  watchAbort(call, told);
  watchAbort(call, taken);
  unwatchAbort(call, taken);
  assert.equal(parent.listeners, 1);
  parent.controller.abort();
  assert.deepEqual([told.told, taken.told], [1, 0]);
  watchAbort(undefined, told);
  unwatchAbort(undefined, told);
  watchAbort({}, told);
});

test("watchAbort() of linked options makes no controller, and tells all watchers", () => {
  const root = new WatchedSignal();
  const watchers = [new Watcher(), new Watcher(), new Watcher()];
  const made = countControllers(() => {
    const link = new LinkedSignal(root.signal);
    const call = link.options(undefined);
    for (const watcher of watchers) watchAbort(call, watcher);
    unwatchAbort(call, watchers[1]!);
    assert.equal(root.listeners, 1);
  });
  assert.equal(made, 0);
  root.controller.abort(REASON);
  assert.deepEqual(watchers.map(({ told }) => told), [1, 0, 1]);
});

test("unwatchAbort() works for options that were followed by others of the same signal", () => {
  const root = new WatchedSignal();
  const link = new LinkedSignal(root.signal);
  const first = link.options(undefined);
  const watcher = new Watcher();
  watchAbort(first, watcher);
  const second = link.options(undefined);
  const made = countControllers(() => {
    unwatchAbort(first, watcher);
    throwIfAborted(first);
    throwIfAborted(second);
  });
  assert.equal(made, 0);
  link.abort(REASON);
  assert.equal(watcher.told, 0);
  assert.throws(() => throwIfAborted(first), REASON);
});

test("LinkedSignal.eagerOptions() hand on the signal, the deadline and the values", () => {
  const parent = new WatchedSignal();
  const link = new LinkedSignal(parent.signal);
  const call = link.eagerOptions({ deadline: 5 });
  assert.equal(call.signal, link.signal);
  assert.equal(call.deadline, 5);
  assert.equal({ ...call }.signal, link.signal);
  parent.controller.abort(REASON);
  assert.throws(() => throwIfAborted(call), REASON);
});

class AbortControllerOf {
  readonly controller = new AbortController();
  readonly signal = this.controller.signal;
}
