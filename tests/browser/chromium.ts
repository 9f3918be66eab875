import type { Toolchain } from "../interop/toolchain.ts";
import { runProcess } from "../runtimes/process.ts";

/** What Chromium is called, by those who pack it. */
const NAMES = ["chromium", "chromium-headless-shell", "chromium-browser", "google-chrome"];

/** The program of Chromium: `AGENKIT_TEST_CHROMIUM`, or the first that starts. */
export async function findChromium(): Promise<Toolchain> {
  const wanted = Deno.env.get("AGENKIT_TEST_CHROMIUM");
  for (const name of wanted === undefined ? NAMES : [wanted]) {
    const line = { command: "sh", args: ["-c", 'command -v -- "$0"', name] };
    const found = await runProcess(line, { cwd: "/", timeoutMs: 60_000 });
    if (found.code === 0) return { path: found.output.trim() };
  }
  return {
    missing: `no Chromium: tried ${wanted ?? NAMES.join(", ")}. ` +
      "tests/browser/install_chromium.sh installs one on Debian",
  };
}
