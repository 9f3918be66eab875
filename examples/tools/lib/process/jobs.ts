import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import type { Readable } from "node:stream";
import { invalid, missing, quote, refuse, tooMuch, unexpected } from "../refuse.ts";
import { killGroup, killOnExit } from "./kill_group.ts";
import { Tail } from "./tail.ts";

/** The bounds of {@linkcode Jobs}. */
export interface JobLimits {
  /** How many run at the same time. */
  readonly maxRunning: number;
  /** How long one may run. */
  readonly maxRuntimeMs: number;
  /** How much of each output is kept: the end of it. */
  readonly maxOutputBytes: number;
  /** How many ended ones are remembered. */
  readonly maxEnded: number;
}

/** The signals that may be sent. None that stops a process without ending it. */
export const SIGNALS = ["SIGINT", "SIGTERM", "SIGKILL"] as const;
/** One of {@linkcode SIGNALS}. */
export type Signal = typeof SIGNALS[number];

/** What is told of a job. */
export type JobReport = {
  readonly id: string;
  readonly pid: number;
  readonly program: string;
  readonly state: "running" | "exited" | "killed";
  readonly exit_code: number | null;
  readonly signal: string | null;
};

interface Job {
  readonly id: string;
  readonly name: string;
  readonly child: ChildProcess;
  readonly stdout: Tail;
  readonly stderr: Tail;
  readonly timer: ReturnType<typeof setTimeout>;
  readonly ended: Promise<void>;
  exit: { readonly code: number | null; readonly signal: string | null } | undefined;
}

/**
 * Processes that were started here. They are named by ids of our own and not
 * by the system's numbers: there is no way to write down somebody else's
 * process, and none to hit a stranger whose number used to be ours.
 */
export class Jobs {
  readonly #limits: JobLimits;
  readonly #jobs = new Map<string, Job>();
  #last = 0;
  #closed = false;

  constructor(limits: JobLimits) {
    this.#limits = limits;
  }

  /** Starts a program in a group of its own. Its input is closed. */
  async start(
    name: string,
    program: string,
    args: readonly string[],
    place: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  ): Promise<JobReport> {
    if (this.#closed) throw refuse("Cannot start a process: the tool has been closed");
    const running = [...this.#jobs.values()].filter((job) => job.exit === undefined).length;
    if (running >= this.#limits.maxRunning) {
      throw tooMuch(`Cannot start a process: ${running} are running, which is the most allowed`);
    }
    if (args.some((arg) => arg.includes("\0"))) {
      throw invalid("Cannot start a process: an argument has a NUL character");
    }
    const child = spawn(program, [...args], {
      cwd: place.cwd,
      env: { ...place.env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      shell: false,
    });
    const job = this.#watch(name, child);
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (error) => reject(unexpected(error, name)));
    }).catch((error) => {
      clearTimeout(job.timer);
      this.#jobs.delete(job.id);
      throw error;
    });
    return report(job);
  }

  /** All that are running, and the last that ended. */
  list(): readonly JobReport[] {
    return [...this.#jobs.values()].map(report);
  }

  /** The end of what a process has written so far. */
  output(id: string): JobReport & Readonly<Record<"stdout" | "stderr", string>> & {
    readonly dropped_bytes: number;
  } {
    const job = this.#find(id);
    return {
      ...report(job),
      stdout: job.stdout.text(),
      stderr: job.stderr.text(),
      dropped_bytes: job.stdout.dropped + job.stderr.dropped,
    };
  }

  /** Sends a signal of the allow-list to a process that still runs, and to its group. */
  signal(id: string, signal: string): JobReport {
    const known = SIGNALS.find((each) => each === signal);
    if (known === undefined) {
      throw refuse(`Cannot signal: expected one of ${SIGNALS.join(", ")}, got ${quote(signal)}`);
    }
    const job = this.#find(id);
    // Until its exit has been seen the system keeps its number for it.
    if (job.exit === undefined && job.child.pid !== undefined) process.kill(-job.child.pid, known);
    return report(job);
  }

  /** Waits for a process to end, up to a time or until the caller aborts. */
  async wait(id: string, timeoutMs: number, signal?: AbortSignal): Promise<JobReport> {
    const job = this.#find(id);
    signal?.throwIfAborted();
    let stop = () => {};
    const stopped = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      signal?.addEventListener("abort", () => resolve(), { once: true });
      stop = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    await Promise.race([job.ended, stopped]);
    stop();
    signal?.throwIfAborted();
    return report(job);
  }

  /** Kills everything that runs and waits until it is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    const running = [...this.#jobs.values()].filter((job) => job.exit === undefined);
    for (const job of running) killGroup(job.child, "SIGKILL");
    await Promise.all(running.map((job) => job.ended));
  }

  #watch(name: string, child: ChildProcess): Job {
    killOnExit(child);
    const id = `p${++this.#last}`;
    let end = () => {};
    const job: Job = {
      id,
      name,
      child,
      stdout: new Tail(child.stdout as Readable, this.#limits.maxOutputBytes),
      stderr: new Tail(child.stderr as Readable, this.#limits.maxOutputBytes),
      timer: setTimeout(() => killGroup(child, "SIGKILL"), this.#limits.maxRuntimeMs),
      ended: new Promise((resolve) => end = resolve),
      exit: undefined,
    };
    this.#jobs.set(id, job);
    child.once("exit", (code, signal) => {
      job.exit = { code, signal };
      clearTimeout(job.timer);
      killGroup(child, "SIGKILL"); // Whoever it left behind.
      this.#forget();
      end();
    });
    return job;
  }

  #forget(): void {
    const ended = [...this.#jobs.values()].filter((job) => job.exit !== undefined);
    for (const job of ended.slice(0, -this.#limits.maxEnded)) this.#jobs.delete(job.id);
  }

  #find(id: string): Job {
    const job = this.#jobs.get(id);
    if (job === undefined) {
      throw missing(
        `Cannot find the process: expected an id that start or list gave, got ${quote(id)}`,
      );
    }
    return job;
  }
}

function report({ id, name, child, exit }: Job): JobReport {
  return {
    id,
    pid: child.pid ?? 0,
    program: name,
    state: exit === undefined ? "running" : exit.signal === null ? "exited" : "killed",
    exit_code: exit?.code ?? null,
    signal: exit?.signal ?? null,
  };
}
