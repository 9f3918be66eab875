import { createRequire } from "node:module";
import { fetching } from "../support/fetching.ts";
import type { Missing } from "./runtime.ts";
import { runProcess } from "./process.ts";

/** Where the pinned runtimes are installed, relative to the repository. */
export const TOOLCHAIN = ".cache/runtimes";

const SOURCE = new URL("./toolchain/", import.meta.url);
const INSTALL_TIMEOUT_MS = 300_000;

let pending: Promise<string | Missing> | undefined;

/**
 * Installs the pinned runtimes once and returns the absolute path of their
 * `node_modules`.
 */
export function installToolchain(root: string): Promise<string | Missing> {
  pending ??= installPackages(SOURCE, `${root}/${TOOLCHAIN}`);
  return pending;
}

/**
 * Installs the npm packages that a `package-lock.json` pins and returns the
 * absolute path of their `node_modules`. A stamp with the lock's hash makes
 * the second run free.
 *
 * @param source The folder of the lock.
 * @param folder Where to install them.
 */
export async function installPackages(source: URL, folder: string): Promise<string | Missing> {
  const lock = await Deno.readFile(new URL("package-lock.json", source));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", lock))
    .toHex();
  const stamp = `${folder}/.stamp`;
  if (await readOr(stamp, "") === hash) return `${folder}/node_modules`;

  await Deno.mkdir(folder, { recursive: true });
  for (const name of ["package.json", "package-lock.json"]) {
    await Deno.copyFile(new URL(name, source), `${folder}/${name}`);
  }
  // No install scripts: every package used here ships its binary as a
  // platform package, and scripts are the one part a lock does not pin.
  const line = {
    command: "npm",
    args: [
      "ci",
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
    ],
  };
  const npm = await fetching(
    () => runProcess(line, { cwd: folder, timeoutMs: INSTALL_TIMEOUT_MS }),
    ({ code, startError }) => code === 0 || startError !== undefined,
  );
  if (npm.startError !== undefined) {
    return {
      missing: `npm is needed to fetch pinned packages: ${npm.startError}`,
    };
  }
  if (npm.code !== 0) {
    const why = npm.timedOut ? `no end after ${INSTALL_TIMEOUT_MS / 1000} s` : npm.output.trim();
    return { missing: `npm ci of ${folder} failed: ${why}` };
  }
  await Deno.writeTextFile(stamp, hash);
  return `${folder}/node_modules`;
}

async function readOr(path: string, otherwise: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return otherwise;
    throw error;
  }
}

/** Part of esbuild's interface that the tests use. */
export interface Esbuild {
  build(options: Record<string, unknown>): Promise<EsbuildResult>;
  stop(): Promise<void>;
}

/** What a build that does not write files returns. */
export interface EsbuildResult {
  readonly outputFiles: readonly {
    readonly path: string;
    readonly text: string;
  }[];
  readonly metafile?: {
    readonly inputs: Readonly<Record<string, unknown>>;
    readonly outputs: Readonly<
      Record<string, {
        readonly entryPoint?: string;
        readonly imports: readonly { readonly path: string; readonly kind: string }[];
      }>
    >;
  };
}

/** The pinned esbuild, loaded from the toolchain. */
export async function loadEsbuild(root: string): Promise<Esbuild | Missing> {
  const modules = await installToolchain(root);
  if (typeof modules !== "string") return modules;
  return createRequire(`${modules}/`)("esbuild") as Esbuild;
}
