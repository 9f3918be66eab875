import type { ChildProcess } from "node:child_process";
import process from "node:process";

/**
 * Signals everybody in the group that a detached child leads. No error when
 * there is nobody left.
 *
 * A group's number is not given to another process while a member lives. When
 * none does, the number could in theory be somebody else's group by now; to
 * keep that window to microseconds it is only called with the child running,
 * or in the very event that reports its exit.
 */
export function killGroup(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // ESRCH: the group is empty. On macOS also EPERM, for zombies.
  }
}

const running = new Set<ChildProcess>();
let listening = false;

/**
 * Kills the child's group when this process exits, since a group of its own is
 * not ended with ours. A SIGKILL to this process cannot be noticed.
 */
export function killOnExit(child: ChildProcess): void {
  if (!listening) {
    listening = true;
    process.on("exit", () => {
      for (const each of running) killGroup(each, "SIGKILL");
    });
  }
  running.add(child);
  child.once("exit", () => running.delete(child));
  child.once("error", () => {
    if (child.pid === undefined) running.delete(child);
  });
}
