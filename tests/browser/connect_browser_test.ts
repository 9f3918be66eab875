/** The example of a page that calls an agent over Connect, in Chromium. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { root } from "../architecture/graph.ts";
import { findChromium } from "./chromium.ts";

const found = await findChromium();
const skip = "missing" in found && Deno.env.get("CI") !== "true" && found.missing;

test("examples/transport/connect_browser streams into the page, and stops the agent", {
  skip,
}, async () => {
  if ("missing" in found) throw new Error(found.missing);
  const server = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "examples/transport/connect_browser/main.ts", "0"],
    cwd: root,
    stdout: "piped",
  }).spawn();
  const browser = await chromium.launch({ executablePath: found.path, args: ["--no-sandbox"] });
  try {
    const lines = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let printed = "";
    const read = async (expected: RegExp) => {
      const late = setTimeout(() => void lines.cancel(), 60_000);
      while (!expected.test(printed)) {
        const { value, done } = await lines.read();
        if (done) {
          assert.fail(
            `the server did not say ${expected} within 60 s or ended; it said ${printed}`,
          );
        }
        printed += value;
      }
      clearTimeout(late);
      return expected.exec(printed)!;
    };
    const [url] = await read(/^http:\S+/m);
    const page = await browser.newPage();
    page.setDefaultTimeout(20_000);
    await page.goto(url);
    await page.fill("#topic", "dunes");
    await page.click("#ask button");
    await page.waitForFunction('document.getElementById("answer").textContent.length > 50');
    assert.match(
      await page.textContent("#answer") ?? "",
      /^A line about dunes, and a line about dunes, /,
    );
    await page.click("#stop");
    await read(/The reader had enough after \d+ lines/);
  } finally {
    await browser.close();
    try {
      server.kill("SIGKILL");
    } catch {
      // It ended by itself.
    }
    await server.status;
  }
});
