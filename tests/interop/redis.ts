/**
 * Debian's Redis, started on a free port, that can be stopped, started again
 * with nothing in it, and made to hang.
 *
 * @module
 */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fetching } from "../support/fetching.ts";
import { freePort } from "./scenarios.ts";
import { run, type Toolchain } from "./toolchain.ts";

const CACHE = fileURLToPath(new URL("../../.cache/interop", import.meta.url));
/** The server's packages and the libraries that a small machine lacks. */
const PACKAGES = ["redis-server", "redis-tools", "libjemalloc2", "liblzf1", "libatomic1"];

/** The Redis of this machine; else Debian's package, unpacked in `.cache/interop`: nothing is installed. */
export async function redisServer(): Promise<Toolchain> {
  const chosen = Deno.env.get("AGENKIT_TEST_REDIS") ?? "redis-server";
  if ((await run(chosen, ["--version"])).ok) return { path: chosen };
  const folder = join(CACHE, "redis");
  const program = join(folder, "usr", "bin", "redis-server");
  if (existsSync(program)) return { path: program };
  mkdirSync(CACHE, { recursive: true });
  const building = await mkdtemp(join(CACHE, "redis.building-"));
  try {
    const fetch = () => run("apt-get", ["download", "--quiet", ...PACKAGES], { cwd: building });
    const fetched = await fetching(async () => {
      const first = await fetch();
      if (first.ok || !(await run("apt-get", ["update", "--quiet"])).ok) return first;
      return await fetch();
    }, ({ ok, stderr }) => ok || stderr.includes("ENOENT"));
    if (!fetched.ok) {
      return { missing: `no redis-server, and apt-get download failed: ${fetched.stderr.trim()}` };
    }
    for (const file of readdirSync(building).filter((name) => name.endsWith(".deb"))) {
      const unpacked = await run("dpkg-deb", ["-x", file, "."], { cwd: building });
      if (!unpacked.ok) return { missing: `dpkg-deb -x ${file}: ${unpacked.stderr.trim()}` };
    }
    await rename(building, folder).catch((error) => {
      // Another run was quicker.
      if (!existsSync(program)) throw error;
    });
    return { path: program };
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}

/** A Redis of our own. */
export class Redis implements AsyncDisposable {
  readonly port: number;
  readonly #program: string;
  #child: Deno.ChildProcess | undefined;

  private constructor(program: string, port: number) {
    this.#program = program;
    this.port = port;
  }

  /** Starts one on a free port. */
  static async start(program: string): Promise<Redis> {
    const redis = new Redis(program, await freePort());
    await redis.start();
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it, empty: nothing is ever written to a disk. Resolves when it answers. */
  async start(): Promise<void> {
    const args = ["--port", String(this.port), "--bind", "127.0.0.1"];
    const libraries = this.#program.replace(/\/bin\/[^/]*$/, "/lib/x86_64-linux-gnu");
    const child = this.#child = new Deno.Command(this.#program, {
      args: [...args, "--save", "", "--appendonly", "no", "--loglevel", "warning"],
      env: this.#program.includes("/") ? { LD_LIBRARY_PATH: libraries } : {},
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const ended = child.status.then(({ code }) => {
      throw new Error(`redis-server ended with exit code ${code}`);
    });
    ended.catch(() => {});
    for (let i = 0; i < 500; i++) {
      if (await this.#answers()) return;
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 20))]);
    }
    throw new Error("redis-server did not answer within 10 s");
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    child?.kill("SIGKILL");
    await child?.status;
  }

  /** Lets it hang: connections stay, nothing is answered. */
  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  /** Lets it go on. */
  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  async #answers(): Promise<boolean> {
    try {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port: this.port });
      await connection.write(new TextEncoder().encode("PING\r\n"));
      const answer = new Uint8Array(16);
      const length = await connection.read(answer);
      return new TextDecoder().decode(answer.subarray(0, length ?? 0)).startsWith("+PONG");
    } catch {
      return false;
    }
  }
}
