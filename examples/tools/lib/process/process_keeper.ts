import { Root } from "../rooted/root.ts";
import type { ProgramPolicy, RequestedArguments } from "./arguments.ts";
import { type OwnChild, ownChildren } from "./children.ts";
import { type JobReport, Jobs } from "./jobs.ts";
import { cleanEnvironment } from "./programs.ts";
import { ProgramList } from "./shell_runner.ts";

/** What the processes tool may start, and how much. */
export interface ProcessesOptions {
  /** The directory programs run in, and whose files they may be given. */
  readonly root: string;
  /** The programs and what may follow their names. */
  readonly programs: Readonly<Record<string, ProgramPolicy>>;
  /**
   * How many run at the same time.
   *
   * @default {4}
   */
  readonly maxRunning?: number;
  /**
   * How long one may run before it is killed.
   *
   * @default {600_000}
   */
  readonly maxRuntimeMs?: number;
  /**
   * How much of each output is kept: the end of it.
   *
   * @default {65536}
   */
  readonly maxOutputBytes?: number;
  /**
   * How long `wait` waits.
   *
   * @default {10_000}
   */
  readonly waitMs?: number;
  /**
   * Whether `list` also names the program's other children (Linux only). They
   * can be seen and not signalled.
   *
   * @default {false}
   */
  readonly children?: boolean;
}

/** Programs in the background, from an allow-list. */
export class ProcessKeeper {
  readonly #options: ProcessesOptions;
  readonly #root: Root;
  readonly #programs: ProgramList;
  readonly #jobs: Jobs;

  constructor(options: ProcessesOptions) {
    this.#options = options;
    this.#root = new Root(options.root);
    this.#programs = new ProgramList(options.programs);
    this.#jobs = new Jobs({
      maxRunning: options.maxRunning ?? 4,
      maxRuntimeMs: options.maxRuntimeMs ?? 600_000,
      maxOutputBytes: options.maxOutputBytes ?? 64 * 1024,
      maxEnded: 20,
    });
  }

  /** The names of the programs. */
  get names(): string[] {
    return this.#programs.names;
  }

  /** Starts a program. */
  async start(name: string, requested: RequestedArguments): Promise<JobReport> {
    const { program, args } = await this.#programs.resolve(name, requested, this.#root);
    return await this.#jobs.start(name, program, args, {
      cwd: this.#root.path,
      env: cleanEnvironment(),
    });
  }

  /** What was started here, and on request the program's other children. */
  async list(): Promise<{ processes: readonly JobReport[]; children?: readonly OwnChild[] }> {
    const processes = this.#jobs.list();
    if (this.#options.children !== true) return { processes };
    const own = new Set(processes.map(({ pid }) => pid));
    const children = await ownChildren(100);
    return { processes, children: children.filter(({ pid }) => !own.has(pid)) };
  }

  /** The end of what a process has written. */
  output(id: string): ReturnType<Jobs["output"]> {
    return this.#jobs.output(id);
  }

  /** Waits for a process to end, or for a while. */
  async wait(id: string, signal?: AbortSignal): Promise<JobReport> {
    return await this.#jobs.wait(id, this.#options.waitMs ?? 10_000, signal);
  }

  /** Signals a process that was started here. */
  signal(id: string, signal: string): JobReport {
    return this.#jobs.signal(id, signal);
  }

  /** Kills everything that runs. */
  async close(): Promise<void> {
    await this.#jobs.close();
  }
}
