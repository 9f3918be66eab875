import assert from "node:assert/strict";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";

/** Runs a test with a folder of its own, and removes that afterwards. */
export async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await realpath(await mkdtemp(`${tmpdir()}/agenkit-attack-`));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Asserts that an attack is refused by the tool's own decision, and not by an accident. */
export async function refused(
  attack: () => unknown,
  code:
    | "permission_denied"
    | "invalid_argument"
    | "resource_exhausted"
    | "not_found"
    | "deadline_exceeded",
  text?: RegExp,
): Promise<void> {
  await assert.rejects(async () => await attack(), (error: unknown) => {
    const { code: got, message } = error as { code?: unknown; message: string };
    assert.equal(got, code, `expected ${code}, got ${got}: ${message}`);
    if (text !== undefined) assert.match(message, text);
    return true;
  });
}

/** How long something took, in milliseconds. */
export async function timed(use: () => unknown): Promise<number> {
  const start = performance.now();
  await use();
  return performance.now() - start;
}

/** Waits until something is so, for at most twenty seconds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let left = 800; left > 0; left--) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail("it did not become so");
}

/** Waits until a process has gone. */
export async function gone(pid: number): Promise<void> {
  assert.ok(pid > 1, `${pid} is no process of the test`);
  await until(async () => !await isRunning(pid));
}

/** Whether a process with this number runs; a zombie does not. */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
  } catch {
    return false;
  }
}
