/** A command line that runs test files and leaves a JUnit report behind. */
export interface CommandLine {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** What a run of test files is given, whatever runs them. */
export interface RunOptions {
  /** Absolute path of the repository; also the working directory. */
  readonly root: string;
  /** Absolute path the JUnit report is written to. */
  readonly report: string;
  /** A single test that takes longer has failed, where the runtime can say so. */
  readonly testTimeoutMs: number;
}

/** A runtime that is here and can be used. */
export interface Ready {
  /** Name and version for the listing, as in `Bun 1.4.5`. */
  readonly label: string;
  /** The command that runs `files` (paths relative to the root). */
  command(files: readonly string[], options: RunOptions): CommandLine;
}

/** A toolchain that is not here, and why. */
export interface Missing {
  readonly missing: string;
}

/** One way of running test files. The harness knows nothing else about it. */
export interface Runtime {
  readonly name: RuntimeName;
  /** Every file holds at least one test: a file without any is then a failure. */
  readonly everyFileHasTests: boolean;
  /** Looks for the runtime, and gets it when it can. */
  find(root: string): Promise<Ready | Missing>;
}

/** The names suites and exclusions use. */
export type RuntimeName = "deno" | "node" | "bun" | "workerd" | "deno doc";

/** Tells a missing toolchain from a ready one. */
export function isMissing(found: object): found is Missing {
  return "missing" in found;
}
