import type { CommandLine } from "./runtime.ts";

/** How a child process ended, and all it printed. */
export interface Ended {
  readonly code: number;
  readonly signal: string | null;
  readonly timedOut: boolean;
  /** Standard output and error as they came. */
  readonly output: string;
  /** Set when the program could not even be started. */
  readonly startError?: string;
}

const GRACE_MS = 3_000;
const running = new Set<number>();

/**
 * Runs a program with its output captured and a time limit. The program leads
 * a process group of its own, so that whatever it started ends with it.
 */
export async function runProcess(
  line: CommandLine,
  options: { readonly cwd: string; readonly timeoutMs: number },
): Promise<Ended> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(line.command, {
      args: [...line.args],
      cwd: options.cwd,
      env: { NO_COLOR: "1", ...line.env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      detached: true,
    }).spawn();
  } catch (error) {
    const startError = error instanceof Error ? error.message : String(error);
    return { code: -1, signal: null, timedOut: false, output: "", startError };
  }
  running.add(child.pid);
  const chunks: string[] = [];
  const reading = Promise.all([
    collect(child.stdout, chunks),
    collect(child.stderr, chunks),
  ]);
  let timedOut = false;
  let killer: ReturnType<typeof setTimeout> | undefined;
  const limit = setTimeout(() => {
    timedOut = true;
    signalGroup(child.pid, "SIGTERM");
    killer = setTimeout(() => signalGroup(child.pid, "SIGKILL"), GRACE_MS);
  }, options.timeoutMs);
  const status = await child.status;
  clearTimeout(limit);
  clearTimeout(killer);
  // A process left behind would hold the pipes open and the reading with them.
  signalGroup(child.pid, "SIGKILL");
  running.delete(child.pid);
  await reading;
  return {
    code: status.code,
    signal: status.signal,
    timedOut,
    output: chunks.join(""),
  };
}

/** Ends every process that is still running; for the runner's own end. */
export function killRunning(): void {
  for (const pid of running) signalGroup(pid, "SIGKILL");
}

function signalGroup(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(-pid, signal);
  } catch {
    // The group is gone already, which is what was wanted.
  }
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  into: string[],
): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    into.push(decoder.decode(chunk, { stream: true }));
  }
  into.push(decoder.decode());
}
