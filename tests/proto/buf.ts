/**
 * Runs `buf`, pinned, over the protobuf files.
 *
 * @module
 */
import { delimiter } from "node:path";
import { runProcess } from "../runtimes/process.ts";
import type { Missing } from "../runtimes/runtime.ts";
import { installPackages } from "../runtimes/toolchain.ts";

/** The repository. */
export const ROOT: string = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

/** What the peers have: our files may add to it, but not change it. */
export const BASELINE = "tests/proto/peers.json";

const TIMEOUT_MS = 300_000;

/** `buf`, ready to run. */
export interface Buf {
  /** Runs it in the repository; rejects with all it printed if it fails. */
  (...args: string[]): Promise<string>;
}

/**
 * Installs what is pinned beside this file.
 *
 * @param plugins Folders with plugins for other languages than ours.
 */
export async function findBuf(...plugins: string[]): Promise<Buf | Missing> {
  const modules = await installPackages(
    new URL("./toolchain/", import.meta.url),
    `${ROOT}/.cache/proto`,
  );
  if (typeof modules !== "string") return modules;
  const bin = `${modules}/.bin`;
  const PATH = [bin, ...plugins, Deno.env.get("PATH") ?? ""].join(delimiter);
  return async (...args) => {
    const ended = await runProcess(
      { command: `${bin}/buf`, args, env: { PATH } },
      { cwd: ROOT, timeoutMs: TIMEOUT_MS },
    );
    if (ended.code === 0) return ended.output;
    throw new Error(`buf ${args.join(" ")} failed:\n${ended.startError ?? ended.output}`);
  };
}
