import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { invalid, missing, unexpected } from "../refuse.ts";
import { Capture } from "./capture.ts";
import { killGroup, killOnExit } from "./kill_group.ts";

/** What to run and within which limits. Nothing of it goes through a shell. */
export interface RunOptions {
  /** The program's absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** How many bytes of each output are kept; one more ends the program. */
  readonly maxOutputBytes: number;
  /** What the program reads; without it, its input is closed. */
  readonly input?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How a program ended. */
export interface RunResult {
  /** Its exit code; `null` when a signal ended it. */
  readonly exitCode: number | null;
  /** The signal that ended it. */
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Why it was ended before its time. */
  readonly stopped?: "timeout" | "output" | "cancelled";
}

/** How long a program has to clean up after SIGTERM, before SIGKILL. */
const GRACE_MS = 200;
/** How long output may dribble in after everything was killed. */
const DRAIN_MS = 500;

/**
 * Runs a program to its end, in a process group of its own, and ends the whole
 * group when the time is up, an output is too long or the caller aborts. What
 * the program left running in its group is killed too when it exits by itself.
 *
 * @throws What the signal was aborted with; `AgenkitError` if it cannot start.
 */
export async function run(options: RunOptions): Promise<RunResult> {
  const { signal } = options;
  signal?.throwIfAborted();
  if ([options.program, options.cwd, ...options.args].some((text) => text.includes("\0"))) {
    throw invalid("Cannot run the program: an argument has a NUL character");
  }
  const child = spawn(options.program, [...options.args], {
    cwd: options.cwd,
    env: { ...options.env },
    stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    detached: true, // A session and group of its own, led by the child.
    shell: false,
  });
  killOnExit(child);
  const result = await supervise(child, options);
  if (result.stopped === "cancelled") signal?.throwIfAborted();
  return result;
}

function supervise(child: ChildProcess, options: RunOptions): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    let stopped: RunResult["stopped"];
    let killTimer: ReturnType<typeof setTimeout> | undefined;
    let drainTimer: ReturnType<typeof setTimeout> | undefined;
    let exit: { code: number | null; signal: string | null } | undefined;

    const stop = (reason: NonNullable<RunResult["stopped"]>) => {
      if (stopped !== undefined || exit !== undefined) return;
      stopped = reason;
      killGroup(child, "SIGTERM");
      killTimer = setTimeout(() => killGroup(child, "SIGKILL"), GRACE_MS);
    };
    const onAbort = () => stop("cancelled");
    const timer = setTimeout(() => stop("timeout"), options.timeoutMs);
    const full = () => stop("output");
    const stdout = new Capture(child.stdout as Readable, options.maxOutputBytes, full);
    const stderr = new Capture(child.stderr as Readable, options.maxOutputBytes, full);
    options.signal?.addEventListener("abort", onAbort, { once: true });

    const finish = () => {
      clearTimeout(timer);
      clearTimeout(killTimer);
      clearTimeout(drainTimer);
      options.signal?.removeEventListener("abort", onAbort);
    };
    child.once("error", (error) => {
      if (child.pid !== undefined) return; // It runs; a failed kill is no end.
      finish();
      const gone = (error as { code?: string }).code === "ENOENT";
      reject(gone ? missing("Cannot run the program: it is not there") : unexpected(error, "it"));
    });
    child.once("exit", (code, signal) => {
      exit = { code, signal };
      clearTimeout(killTimer);
      // The leader is gone; whoever it left behind in its group goes as well.
      // They hold the pipes open, and "close" would not come before they end.
      killGroup(child, "SIGKILL");
      drainTimer = setTimeout(() => {
        // Somebody left the group and keeps a pipe: stop listening to them.
        stdout.detach();
        stderr.detach();
        done();
      }, DRAIN_MS);
    });
    child.once("close", () => done());
    const done = () => {
      finish();
      resolve({
        exitCode: exit?.code ?? null,
        signal: exit?.signal ?? null,
        stdout: stdout.text(),
        stderr: stderr.text(),
        ...(stopped === undefined ? {} : { stopped }),
      });
    };
    if (options.input !== undefined && child.stdin !== null) {
      child.stdin.on("error", () => {}); // It need not read to the end.
      child.stdin.end(options.input);
    }
  });
}
