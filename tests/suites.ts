import { bun } from "./runtimes/bun.ts";
import { deno, denoDoc } from "./runtimes/deno.ts";
import { node } from "./runtimes/node.ts";
import type { Runtime } from "./runtimes/runtime.ts";
import { workerd } from "./runtimes/workerd.ts";

/** A set of test files, what runs them, and how long that may take. */
export interface Suite {
  readonly name: string;
  /** Globs relative to the repository. No file: the suite is not listed. */
  readonly files: readonly string[];
  readonly runtime: Runtime;
  /** Well above what it takes on a slow and busy machine: only what hangs is to reach it. */
  readonly timeoutMs: number;
  /** What the tests talk to, when it is more than the runtime. */
  readonly peer?: string;
  /** The tests start programs on Node and Bun: `AGENKIT_TEST_NODE` and `_BUN` are set. */
  readonly givesRuntimes?: boolean;
}

/**
 * A suite takes a minute or two. Machines may be slow and busy, and the first
 * run of some fetches what it needs: a Python environment of 380 MB, Go's modules, Caddy.
 */
const HANGS_AFTER_MS = 900_000;

const everywhere: readonly Runtime[] = [deno, node, bun, workerd];

function onEach(
  name: string,
  files: readonly string[],
  runtimes: readonly Runtime[],
): Suite[] {
  return runtimes.map((runtime) => ({
    name: `${name}/${runtime.name}`,
    files,
    runtime,
    timeoutMs: HANGS_AFTER_MS,
  }));
}

/** Tests against programs that are not ours; one set of files for each peer. */
function interop(name: string, peer: string, globs: readonly string[]): Suite {
  return {
    name: `interop/${name}`,
    files: globs.map((glob) => `tests/interop/${glob}`),
    runtime: deno,
    timeoutMs: HANGS_AFTER_MS,
    peer,
    givesRuntimes: true,
  };
}

/** Everything `deno task test` runs, in this order. */
export const SUITES: readonly Suite[] = [
  {
    name: "architecture",
    files: ["tests/architecture/**/*_test.ts"],
    runtime: deno,
    timeoutMs: HANGS_AFTER_MS,
  },
  {
    name: "bench",
    files: ["tests/bench/**/*_test.ts"],
    runtime: deno,
    timeoutMs: HANGS_AFTER_MS,
  },
  {
    name: "proto",
    files: ["tests/proto/**/*_test.ts"],
    runtime: deno,
    timeoutMs: HANGS_AFTER_MS,
  },
  ...onEach("unit", ["tests/unit/**/*_test.ts"], everywhere),
  ...onEach("property", ["tests/property/**/*_test.ts"], everywhere),
  {
    name: "examples/doc comments",
    files: ["mod.ts", "src/**/*.ts"],
    runtime: denoDoc,
    timeoutMs: HANGS_AFTER_MS,
  },
  {
    name: "examples/documents",
    files: ["tests/docs/**/*_test.ts"],
    runtime: deno,
    timeoutMs: HANGS_AFTER_MS,
  },
  {
    name: "examples/programs",
    files: ["tests/examples/**/*_test.ts"],
    runtime: deno,
    timeoutMs: HANGS_AFTER_MS,
  },
  interop("python", "Python agenkit", ["*_to_python_test.ts", "*_python_to_*_test.ts"]),
  interop("go", "Go stand-in", ["*_to_go_test.ts", "*_go_to_*_test.ts"]),
  interop("grpc-js", "grpc-js", ["*_js_to_ts_test.ts", "*_ts_to_js_test.ts"]),
  interop("redis", "Redis", ["*_redis_test.ts"]),
  interop("curl", "curl", ["*_curl_test.ts"]),
  interop("peers", "Python, Go, curl among themselves", ["*_peers_test.ts"]),
  interop("runtimes", "Python, Go to Node, Bun", ["*_runtimes_test.ts"]),
  interop("rpc matrix", "Deno, Bun, Node among themselves", ["rpc_*_test.ts"]),
  interop("go rpc", "grpc-go, connect-go", ["go_rpc_*_test.ts"]),
  interop("http3", "Bun, Caddy, quic-go", ["http3_*_test.ts"]),
  {
    name: "browser",
    files: ["tests/browser/**/*_test.ts"],
    runtime: deno,
    timeoutMs: HANGS_AFTER_MS,
    peer: "Chromium",
  },
];
