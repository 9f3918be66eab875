/**
 * Debian's Caddy, with the configuration of `deploy/`, in front of a server.
 *
 * @module
 */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CertificateFiles } from "../support/certificates.ts";
import { fetching } from "../support/fetching.ts";
import { freePort } from "./scenarios.ts";
import { run, type Toolchain } from "./toolchain.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The Caddy of this machine; else Debian's package, unpacked in `.cache/interop`: nothing is installed. */
export async function caddy(): Promise<Toolchain> {
  if ((await run("caddy", ["version"])).ok) return { path: "caddy" };
  const folder = join(ROOT, ".cache", "interop", "caddy");
  const program = join(folder, "usr", "bin", "caddy");
  if (existsSync(program)) return { path: program };
  mkdirSync(join(ROOT, ".cache", "interop"), { recursive: true });
  const building = await mkdtemp(join(ROOT, ".cache", "interop", "caddy.building-"));
  try {
    const fetch = () => run("apt-get", ["download", "--quiet", "caddy"], { cwd: building });
    const fetched = await fetching(async () => {
      const first = await fetch();
      if (first.ok || !(await run("apt-get", ["update", "--quiet"])).ok) return first;
      return await fetch();
    }, ({ ok, stderr }) => ok || stderr.includes("ENOENT"));
    const file = readdirSync(building).find((name) => name.endsWith(".deb"));
    if (!fetched.ok || file === undefined) {
      return {
        missing: `no caddy, and apt-get download caddy failed: ${lastLine(fetched.stderr)}`,
      };
    }
    const unpacked = await run("dpkg-deb", ["-x", file, "."], { cwd: building });
    if (!unpacked.ok) return { missing: `dpkg-deb -x ${file}: ${lastLine(unpacked.stderr)}` };
    await rename(building, folder).catch((error) => {
      // Another run was quicker.
      if (!existsSync(program)) throw error;
    });
    return { path: program };
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}

/** A running Caddy. */
export interface Proxy extends AsyncDisposable {
  readonly port: number;
}

/** Starts Caddy before a cleartext server and waits until it answers. */
export async function startCaddy(
  program: string,
  files: CertificateFiles,
  upstream: number,
): Promise<Proxy> {
  const port = await freePort();
  const home = await mkdtemp(join(tmpdir(), "agenkit-caddy-"));
  const child = new Deno.Command(program, {
    args: ["run", "--config", join(ROOT, "deploy", "Caddyfile")],
    env: {
      AGENKIT_ADDRESS: `https://127.0.0.1:${port}`,
      AGENKIT_TLS: `tls ${files.cert} ${files.key}`,
      AGENKIT_UPSTREAM: `127.0.0.1:${upstream}`,
      HOME: home,
      XDG_DATA_HOME: home,
      XDG_CONFIG_HOME: home,
    },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let log = "";
  const drained = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      log = (log + text).slice(-4_000);
    }
  })();
  const stop = async () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It ended by itself.
    }
    await child.status;
    await drained;
    await rm(home, { recursive: true, force: true });
  };
  for (let attempt = 0;; attempt++) {
    const asked = await run("curl", [
      "--silent",
      "--cacert",
      files.ca,
      `https://127.0.0.1:${port}/health`,
    ]);
    if (asked.ok) return { port, [Symbol.asyncDispose]: stop };
    if (attempt === 100) {
      await stop();
      throw new Error(`Caddy did not start: ${log}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
