/**
 * Starts and stops peer processes and talks to them: servers that print
 * `READY <port>`, and clients that read one case a line and write one result a line.
 *
 * @module
 */
import type { Json, JsonObject } from "../../src/core/mod.ts";

/** Whom a client trusts, and what it shows, as files of PEM text. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

/** A case for a client peer; the README beside this file lists the fields. */
export interface Case {
  readonly op: "process" | "stream" | "bidi" | "http" | "health" | "reflection";
  readonly url: string;
  readonly name?: string;
  /** Only our own client has a choice; it has no `reuse` and `http`. */
  readonly protocol?: string;
  /** For servers with TLS: of our own client, and of Go's and Python's over RPC. */
  readonly tls?: TlsFiles;
  readonly message?: {
    readonly role?: string;
    readonly content?: Json;
    readonly metadata?: JsonObject;
  };
  readonly timeout_ms?: number;
  /** How long the caller waits, as a deadline that travels along. */
  readonly deadline_ms?: number;
  readonly concurrent?: number;
  readonly repeat?: number;
  /** How long our own client waits after each call that it repeats. */
  readonly pause_ms?: number;
  readonly leave_after?: number;
  /** How many requests of a bidirectional stream. */
  readonly count?: number;
  /** `"status"`: failures of agents as a status with details. */
  readonly errors?: string;
  /** The Go client does as Go's agenkit does. */
  readonly habits?: boolean;
  readonly leave_ms?: number;
  readonly reuse?: boolean;
  readonly method?: string;
  readonly body?: Json;
  readonly raw?: string;
}

/** A message as a client peer got it. */
export interface PeerMessage {
  readonly role: string;
  readonly content: Json;
  readonly metadata: JsonObject;
  readonly timestamp: string;
}

/** What became of a case. */
export interface Result {
  readonly ok: boolean;
  readonly messages: readonly PeerMessage[];
  readonly arrivals_ms: readonly number[];
  readonly responses: readonly {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly text: string;
  }[];
  /** The version of HTTP that the client saw. */
  readonly http_version?: string;
  readonly error_type?: string;
  readonly error?: string;
  /** The agenkit error among the details of a status. */
  readonly details?: JsonObject;
  readonly elapsed_ms: number;
}

/** How long a peer may take to start; Python imports a lot. */
const START_MS = 60_000;
/** How long a client may take over one case. */
const CASE_MS = 60_000;

const running = new Set<Deno.ChildProcess>();
/** What became of those that ended though nobody had asked them to, until they are stopped. */
const ends = new Map<Deno.ChildProcess, string>();
// The tests' last word, also when one of them failed; and a peer whose input
// ends leaves by itself, should even this not run.
globalThis.addEventListener("unload", () => {
  for (const child of running) kill(child, "SIGKILL");
});

/** A server in a process of its own. */
export interface ServerPeer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Ends the process, without a chance to finish what runs. */
  stop(): Promise<void>;
  /** Asks the process to end, and waits until it has. */
  terminate(): Promise<void>;
  /** Starts another process on the same port. */
  restart(): Promise<void>;
  /** Throws if the process ended and nobody had asked it to, and says when and how. */
  assertAlive(): void;
}

/** A client in a process of its own; its cases run one after another. */
export interface ClientPeer extends AsyncDisposable {
  run(testCase: Case): Promise<Result>;
  stop(): Promise<void>;
}

/** Starts a server peer and waits until it listens. */
export async function startServer(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<ServerPeer> {
  let peer = await start(command, [...args, "--exit-with-stdin"], env);
  const { port } = peer;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    stop: () => peer.stop(),
    terminate: async () => {
      peer.askedToEnd();
      kill(peer.child, "SIGTERM");
      await within(START_MS, peer.child.status, `${command}: did not end`);
      await peer.stop();
    },
    restart: async () => {
      await peer.stop();
      peer = await start(command, [...args, "--port", `${port}`, "--exit-with-stdin"], env);
    },
    assertAlive: () => {
      const end = ends.get(peer.child);
      if (end !== undefined) throw new Error(end);
    },
    [Symbol.asyncDispose]: () => peer.stop(),
  };
}

/** Starts a client peer. */
export async function startClient(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<ClientPeer> {
  const peer = await start(command, args, env);
  const writer = peer.child.stdin.getWriter();
  let turn: Promise<unknown> = Promise.resolve();
  const encoder = new TextEncoder();
  return {
    run: (testCase) => {
      const result = turn.then(async () => {
        await writer.write(encoder.encode(lineOf(testCase) + "\n"));
        const line = await within(CASE_MS, peer.lines.next(), `${command}: no result for a case`);
        if (line.done) throw new Error(await peer.end());
        const result = { messages: [], arrivals_ms: [], responses: [], ...JSON.parse(line.value) };
        return result.ok ? result : withEnds(result);
      });
      turn = result.catch(() => {});
      return result;
    },
    stop: () => peer.stop(),
    [Symbol.asyncDispose]: () => peer.stop(),
  };
}

/** A case on one line, also for readers that take U+2028 and U+2029 for line ends. */
function lineOf(testCase: Case): string {
  return JSON.stringify(testCase).replace(
    /[\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16)}`,
  );
}

interface Process {
  readonly child: Deno.ChildProcess;
  readonly port: number;
  readonly lines: AsyncGenerator<string>;
  /** When it has ended: when, how, and the end of what it wrote to its stderr. */
  end(): Promise<string>;
  /** From now on its end is no surprise. */
  askedToEnd(): void;
  stop(): Promise<void>;
}

/** A failure of a client, and which servers are gone that it may have called. */
function withEnds(result: Result): Result {
  if (ends.size === 0) return result;
  return { ...result, error: [result.error, ...ends.values()].join("\n") };
}

async function start(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<Process> {
  const child = new Deno.Command(command, {
    args: [...args],
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  running.add(child);
  let errors = "";
  const drained = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      errors = (errors + text).slice(-4_000);
    }
  })();
  const end = (async () => {
    const { code, signal } = await child.status;
    const at = new Date().toISOString();
    await drained;
    const how = signal === null ? `exit code ${code}` : `${signal}`;
    return `${[command, ...args].join(" ")} (pid ${child.pid}) ended at ${at} with ${how}; ` +
      `the end of its stderr:\n${errors.trimEnd() || "(nothing)"}`;
  })();
  let asked = false;
  const askedToEnd = () => void (asked = true);
  void end.then((text) => {
    if (asked) return;
    ends.set(child, `By itself ${text}`);
    // Among what the test prints that runs now: its own error may know of a lost connection alone.
    console.error(`By itself ${text}`);
  });
  const lines = linesOf(child.stdout);
  const stop = async () => {
    askedToEnd();
    ends.delete(child);
    if (!running.delete(child)) return;
    kill(child, "SIGKILL");
    await child.status;
    await lines.return(undefined);
    await drained;
    if (!child.stdin.locked) await child.stdin.abort().catch(() => {});
  };
  try {
    const first = await within(START_MS, lines.next(), `${command}: not ready`);
    const port = Number(/^READY (\d+)$/.exec(first.value ?? "")?.[1] ?? NaN);
    if (Number.isNaN(port)) {
      throw new Error(`expected 'READY <port>', got ${first.value ?? "the end"}`);
    }
    return { child, port, lines, end: () => end, askedToEnd, stop };
  } catch (cause) {
    await stop();
    throw new Error(`${command} ${args.join(" ")} did not start: ${cause}\n${errors}`, { cause });
  }
}

/** Splits bytes into lines; pieces of a long line are joined once, at its end. */
async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let pieces: string[] = [];
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    let from = 0;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", from)) {
      pieces.push(text.slice(from, at));
      yield pieces.join("");
      pieces = [];
      from = at + 1;
    }
    if (from < text.length) pieces.push(text.slice(from));
  }
}

async function within<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It ended by itself.
  }
}
