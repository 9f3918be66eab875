import type { RuntimeName } from "./runtime.ts";
import { matches } from "./files.ts";

/** A test file that has no meaning on a runtime. */
export interface Exclusion {
  /** Glob over paths relative to the repository. */
  readonly files: string;
  readonly runtimes: readonly RuntimeName[];
  readonly reason: string;
}

/** Every file that does not run everywhere: this list is the only place. */
export const EXCLUSIONS: readonly Exclusion[] = [
  {
    files: "tests/unit/serve/**",
    runtimes: ["workerd"],
    reason: "opens a listening port, which a Worker cannot do",
  },
  {
    files: "tests/unit/transport/http2/**",
    runtimes: ["workerd"],
    reason: "speaks HTTP/2 through node:http2 and listens, which a Worker cannot do",
  },
  {
    files: "tests/unit/transport/grpc/**",
    runtimes: ["workerd"],
    reason: "gRPC needs node:http2 and trailers, which a Worker does not have",
  },
  {
    files: "tests/unit/transport/socket/**",
    runtimes: ["workerd"],
    reason: "opens and listens at TCP and Unix sockets, which a Worker cannot do",
  },
  {
    files: "tests/unit/remote/sockets_test.ts",
    runtimes: ["workerd"],
    reason: "opens listening sockets, which a Worker cannot do",
  },
  {
    files: "tests/unit/registry/redis_test.ts",
    runtimes: ["workerd"],
    reason: "loads a client for Redis, which needs sockets that a Worker does not have",
  },
  {
    files: "tests/unit/cli/**",
    runtimes: ["workerd"],
    reason: "a command line with processes and signals, which a Worker does not have",
  },
  {
    files: "tests/unit/workers/**",
    runtimes: ["deno", "node", "bun"],
    reason: "uses the WebSocketPair of Workers, which nobody else has",
  },
];

/** Why `file` does not run on `runtime`, or `undefined` when it does. */
export function exclusionOf(
  file: string,
  runtime: RuntimeName,
): string | undefined {
  return EXCLUSIONS.find((rule) => rule.runtimes.includes(runtime) && matches(file, rule.files))
    ?.reason;
}
