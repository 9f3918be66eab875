/**
 * Finds and builds what the interop tests call: a Python with the published
 * agenkit, and the Go peer. Everything built lands in `.cache/interop`, once.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, sep } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { fetching } from "../support/fetching.ts";

/** A program that can be run, or why there is none. */
export type Toolchain = { readonly path: string } | { readonly missing: string };

const HERE = dirname(fileURLToPath(import.meta.url));
const CACHE = join(HERE, "..", "..", ".cache", "interop");
const REQUIREMENTS = join(HERE, "python", "requirements.txt");
const STAMP = "agenkit-interop.stamp";

/** The oldest Python that the published package runs on. */
const OLDEST_PYTHON = [3, 12] as const;

interface Output {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. Never throws: a program that is not there is not `ok`. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Record<string, string> } = {},
): Promise<Output> {
  return new Promise((resolve) => {
    execFile(
      command,
      [...args],
      { ...options, env: { ...process.env, ...options.env }, maxBuffer: 1 << 26 },
      (error, stdout, stderr) =>
        resolve({ ok: error === null, stdout, stderr: stderr === "" ? String(error) : stderr }),
    );
  });
}

/** The interpreter of an environment that has the published agenkit. */
export async function pythonWithAgenkit(): Promise<Toolchain> {
  const venv = join(CACHE, "python");
  const python = venvPython(venv);
  const requirements = createHash("sha256").update(readFileSync(REQUIREMENTS)).digest("hex");
  const isBuilt = () =>
    existsSync(python) && existsSync(join(venv, STAMP)) &&
    readFileSync(join(venv, STAMP), "utf8") === requirements;
  if (isBuilt()) return { path: python };

  const interpreter = await findPython();
  if ("missing" in interpreter) return interpreter;
  mkdirSync(CACHE, { recursive: true });
  await removeLeftovers();
  // Built beside its place and moved there whole, so nobody ever sees half of it.
  const building = join(CACHE, `python.building-${process.pid}`);
  console.error(`interop: building a Python environment in ${venv} (once, about 380 MB) ...`);
  const made = await run(interpreter.path, ["-m", "venv", building]);
  if (!made.ok) return { missing: `${interpreter.path} -m venv failed: ${lastLine(made.stderr)}` };
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
  const installed = await fetching(
    () => run(venvPython(building), [...pip, "--requirement", REQUIREMENTS]),
    ({ ok }) => ok,
  );
  if (!installed.ok) {
    await rm(building, { recursive: true, force: true });
    return { missing: `pip could not install agenkit: ${lastLine(installed.stderr)}` };
  }
  writeFileSync(join(building, STAMP), requirements);
  // Another run may have been quicker.
  if (!isBuilt()) {
    await rm(venv, { recursive: true, force: true });
    await rename(building, venv);
  } else {
    await rm(building, { recursive: true, force: true });
  }
  return { path: python };
}

/** The Go peer for HTTP, WebSocket and sockets, built; its one module is pinned and fetched once. */
export function goPeer(): Promise<Toolchain> {
  return buildGo("go", "peer", { GOFLAGS: "-mod=readonly" });
}

/** The Go peer for gRPC, Connect and HTTP/3, built; its modules are pinned and fetched once. */
export function goRpcPeer(): Promise<Toolchain> {
  return buildGo("go_rpc", "rpc_peer", { GOFLAGS: "-mod=readonly" });
}

/** The folder with the plugins that write the code of the Go peer, pinned by its go.mod and built. */
export async function goPlugins(): Promise<Toolchain> {
  const output = join(CACHE, "go", "plugins") + sep;
  const built = await goBuild("go_rpc", output, "tool", { GOFLAGS: "-mod=readonly" });
  return built ?? { path: output };
}

async function buildGo(
  folder: string,
  name: string,
  env: Record<string, string>,
): Promise<Toolchain> {
  const output = join(CACHE, "go", process.platform === "win32" ? `${name}.exe` : name);
  return await goBuild(folder, output, ".", env) ?? { path: output };
}

/** Builds what a Go module in a folder has; answers why it cannot. */
async function goBuild(
  folder: string,
  output: string,
  what: string,
  env: Record<string, string>,
): Promise<{ readonly missing: string } | undefined> {
  const chosen = process.env.AGENKIT_TEST_GO;
  const candidates = chosen ? [chosen] : ["go", "/usr/local/go/bin/go"];
  for (const go of candidates) {
    if (!(await run(go, ["version"])).ok) continue;
    mkdirSync(dirname(output), { recursive: true });
    const options = {
      cwd: join(HERE, folder),
      env: { GOTOOLCHAIN: "local", GOWORK: "off", ...env },
    };
    const built = await fetching(
      () => run(go, ["build", "-o", output, what], options),
      // A module that could not be had is told with its URL.
      ({ ok, stderr }) => ok || !stderr.includes("https://"),
    );
    if (built.ok) return undefined;
    return { missing: `go build failed: ${built.stderr.trim().slice(0, 500)}` };
  }
  return { missing: `no Go found: cannot run ${candidates.join(" or ")}` };
}

/** curl, as a client that nobody here wrote. */
export async function curl(): Promise<Toolchain> {
  const found = await run("curl", ["--version"]);
  return found.ok ? { path: "curl" } : { missing: "no 'curl' found on PATH" };
}

/** A program named by an environment variable, such as another runtime to serve on. */
export async function named(variable: string): Promise<Toolchain> {
  const path = process.env[variable];
  if (!path) return { missing: `${variable} is not set` };
  const found = await run(path, ["--version"]);
  return found.ok ? { path } : { missing: `${variable} cannot be run: ${lastLine(found.stderr)}` };
}

async function findPython(): Promise<Toolchain> {
  const rejected: string[] = [];
  for (const candidate of pythonCandidates()) {
    // Some shims exist and still cannot run, so each is asked for its version.
    const asked = await run(candidate, [
      "-c",
      "import sys, venv, ensurepip; print(*sys.version_info[:2])",
    ]);
    if (!asked.ok) continue;
    const [major = 0, minor = 0] = asked.stdout.trim().split(" ").map(Number);
    if (major === OLDEST_PYTHON[0] && minor >= OLDEST_PYTHON[1]) return { path: candidate };
    rejected.push(`${candidate} is ${major}.${minor}`);
  }
  return {
    missing: `no Python >= ${OLDEST_PYTHON.join(".")} with venv found` +
      (rejected.length > 0 ? ` (${rejected.join(", ")})` : "") +
      "; AGENKIT_TEST_PYTHON may name one",
  };
}

function pythonCandidates(): string[] {
  const onPath = ["python3.14", "python3.13", "python3.12", "python3"];
  const versions = join(homedir(), ".pyenv", "versions");
  const pyenv = existsSync(versions)
    ? readdirSync(versions).filter((name) => /^3\.1[2-9]/.test(name)).sort().reverse()
      .map((name) => join(versions, name, "bin", "python3"))
    : [];
  const chosen = process.env.AGENKIT_TEST_PYTHON;
  return chosen ? [chosen] : [...onPath, ...pyenv];
}

function venvPython(venv: string): string {
  return process.platform === "win32"
    ? join(venv, "Scripts", "python.exe")
    : join(venv, "bin", "python");
}

async function removeLeftovers(): Promise<void> {
  for (const name of readdirSync(CACHE)) {
    const pid = Number(/^python\.building-(\d+)$/.exec(name)?.[1]);
    if (pid && !isAlive(pid)) await rm(join(CACHE, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
