import { AgenkitError, TimeoutError } from "@agenkit/agenkit";
import { quote, refuse } from "../refuse.ts";
import { Root } from "../rooted/root.ts";
import { buildArguments, type ProgramPolicy, type RequestedArguments } from "./arguments.ts";
import { cleanEnvironment, findProgram } from "./programs.ts";
import { run, type RunOptions } from "./run.ts";
import { READING_PROGRAMS } from "./shell_programs.ts";

/** What the shell tool may run. */
export interface ShellOptions {
  /** The directory programs run in, and whose files they may be given. */
  readonly root: string;
  /**
   * The programs and what may follow their names.
   *
   * @default {READING_PROGRAMS}
   */
  readonly programs?: Readonly<Record<string, ProgramPolicy>>;
  /**
   * Whether paths with names that begin with a dot are allowed.
   *
   * @default {false}
   */
  readonly hidden?: boolean;
  /**
   * How long a program may run.
   *
   * @default {10_000}
   */
  readonly timeoutMs?: number;
  /**
   * How many bytes of each output are kept.
   *
   * @default {65536}
   */
  readonly maxOutputBytes?: number;
}

/** What a program gave, as a model gets it. */
export type ProgramOutput = {
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether it was ended since it wrote too much. */
  readonly truncated: boolean;
};

/** Programs by name, found once, with their policies. */
export class ProgramList {
  readonly #programs: ReadonlyMap<
    string,
    { readonly path: string; readonly policy: ProgramPolicy }
  >;

  /** @throws {TypeError} If one of them is not installed. */
  constructor(policies: Readonly<Record<string, ProgramPolicy>>) {
    this.#programs = new Map(
      Object.entries(policies).map(([name, policy]) => [name, { path: findProgram(name), policy }]),
    );
  }

  /** The names, for a schema. */
  get names(): string[] {
    return [...this.#programs.keys()];
  }

  /** The program's path and its checked arguments. */
  async resolve(
    name: string,
    requested: RequestedArguments,
    root: Root,
  ): Promise<{ readonly program: string; readonly args: readonly string[] }> {
    const found = this.#programs.get(name);
    if (found === undefined) {
      throw refuse(
        `Cannot run ${quote(name)}: expected one of ${this.names.join(", ")}`,
      );
    }
    const args = await buildArguments(name, found.policy, requested, root);
    return { program: found.path, args };
  }
}

/** Runs programs of an allow-list in a root. */
export class ShellRunner {
  readonly #options: ShellOptions;
  readonly #root: Root;
  readonly #programs: ProgramList;

  constructor(options: ShellOptions) {
    this.#options = options;
    this.#root = new Root(options.root, { hidden: options.hidden ?? false });
    this.#programs = new ProgramList(options.programs ?? READING_PROGRAMS);
  }

  /** The names of the programs. */
  get names(): string[] {
    return this.#programs.names;
  }

  /** Runs one program to its end. */
  async run(
    name: string,
    requested: RequestedArguments,
    signal?: AbortSignal,
  ): Promise<ProgramOutput> {
    const { program, args } = await this.#programs.resolve(name, requested, this.#root);
    return await runForModel(name, {
      program,
      args,
      cwd: this.#root.path,
      env: cleanEnvironment(),
      timeoutMs: this.#options.timeoutMs ?? 10_000,
      maxOutputBytes: this.#options.maxOutputBytes ?? 64 * 1024,
      signal,
    });
  }
}

/**
 * Runs a program and reports as a model needs it.
 *
 * @throws {TimeoutError} When its time is up.
 */
export async function runForModel(name: string, options: RunOptions): Promise<ProgramOutput> {
  const { exitCode, signal, stdout, stderr, stopped } = await run(options);
  if (stopped === "timeout") {
    const { timeoutMs } = options;
    throw new TimeoutError(`Cannot finish ${name}: it took longer than ${timeoutMs} ms`, {
      timeoutMs,
    });
  }
  if (stopped === "cancelled") throw new AgenkitError("cancelled", `${name} was cancelled`);
  return { exit_code: exitCode, signal, stdout, stderr, truncated: stopped === "output" };
}
