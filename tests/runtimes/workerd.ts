import type { CommandLine, Missing, Runtime } from "./runtime.ts";
import { aliases, readConfig } from "./exports.ts";
import { findNode } from "./node.ts";
import { installToolchain } from "./toolchain.ts";
import type { HostJob } from "./worker/host.ts";

/** The part of a job that differs from one use to the next. */
export type WorkerJob = Pick<
  HostJob,
  "files" | "entries" | "report" | "testTimeoutMs"
>;

/** The Workers runtime, ready to be started with a job. */
export interface WorkerHost {
  readonly version: string;
  command(job: WorkerJob): CommandLine;
}

/** Finds the Node and the workerd that the host program needs. */
export async function findWorkerHost(
  root: string,
): Promise<WorkerHost | Missing> {
  const node = await findNode(root);
  if ("missing" in node) return node;
  const modules = await installToolchain(root);
  if (typeof modules !== "string") return modules;
  const names = aliases(await readConfig(root), root);
  const installed = JSON.parse(
    await Deno.readTextFile(`${modules}/workerd/package.json`),
  ) as { version: string };
  return {
    version: installed.version,
    command(job) {
      const full: HostJob = { ...job, root, modules, aliases: names };
      return {
        command: node.path,
        args: [
          "--disable-warning=ExperimentalWarning",
          new URL("./worker/host.ts", import.meta.url).pathname,
        ],
        env: { AGENKIT_TEST_JOB: JSON.stringify(full) },
      };
    },
  };
}

/**
 * The Workers runtime itself. The test files are bundled and run inside a
 * Worker that a Node program (`worker/host.ts`) drives through miniflare.
 */
export const workerd: Runtime = {
  name: "workerd",
  everyFileHasTests: true,
  async find(root) {
    const host = await findWorkerHost(root);
    if ("missing" in host) return host;
    return {
      label: `workerd ${host.version}`,
      command: (files, { report, testTimeoutMs }) =>
        host.command({ files, entries: [], report, testTimeoutMs }),
    };
  },
};
