import type { Missing, Runtime } from "./runtime.ts";
import { runProcess } from "./process.ts";
import { installToolchain } from "./toolchain.ts";

/** The path of Bun: `AGENKIT_TEST_BUN`, else always the pinned one. */
export async function findBun(root: string): Promise<string | Missing> {
  const wanted = Deno.env.get("AGENKIT_TEST_BUN");
  if (wanted !== undefined) return wanted;
  const modules = await installToolchain(root);
  if (typeof modules !== "string") return modules;
  // The platform package, not `bun/bin`: that one is filled by an install script.
  const platforms = [...Deno.readDirSync(`${modules}/@oven`)].map((entry) => entry.name)
    .sort((a, b) => Number(a.includes("musl")) - Number(b.includes("musl")));
  return platforms.length > 0
    ? `${modules}/@oven/${platforms[0]}/bin/bun`
    : { missing: "Bun has no build for this platform" };
}

/** Bun's own test runner over the sources. */
export const bun: Runtime = {
  name: "bun",
  everyFileHasTests: true,
  async find(root) {
    const path = await findBun(root);
    if (typeof path !== "string") return path;
    const ended = await runProcess({ command: path, args: ["--version"] }, {
      cwd: root,
      timeoutMs: 60_000,
    });
    if (ended.code !== 0) {
      return {
        missing: `Bun does not start: ${ended.startError ?? ended.output.trim()}`,
      };
    }
    return {
      label: `Bun ${ended.output.trim()}`,
      command: (files, { report, testTimeoutMs }) => ({
        command: path,
        args: [
          "test",
          `--timeout=${testTimeoutMs}`,
          "--reporter=junit",
          `--reporter-outfile=${report}`,
          // Without "./" Bun takes the argument as a filter over all files.
          ...files.map((file) => `./${file}`),
        ],
      }),
    };
  },
};
