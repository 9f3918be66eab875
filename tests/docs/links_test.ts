import assert from "node:assert/strict";
import { test } from "node:test";
import { root, trackedFiles } from "../architecture/graph.ts";

const LINK = /\[[^\]]*\]\(([^)\s]+)\)/g;
const documents = (await trackedFiles()).filter((file) => file.endsWith(".md"));

/** The fragment a heading is reached by, as code hosts make it. */
function anchorOf(heading: string): string {
  return heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(/\s/g, "-");
}

function anchors(markdown: string): Set<string> {
  return new Set(
    [...markdown.matchAll(/^#{1,6}\s+(.+)$/gm)].map(([, text = ""]) => anchorOf(text)),
  );
}

test("documents: every relative link leads to a file and a heading that are there", async () => {
  const wrong: string[] = [];
  for (const file of documents) {
    const text = await Deno.readTextFile(`${root}/${file}`);
    const prose = text.replace(/^(```|~~~)[\s\S]*?^\1/gm, "").replace(/`[^`\n]*`/g, "");
    for (const [, target = ""] of prose.matchAll(LINK)) {
      if (/^[a-z]+:/.test(target)) continue;
      const { pathname, hash } = new URL(target, `file:///${file}`);
      const path = decodeURIComponent(pathname.slice(1));
      const info = await Deno.stat(`${root}/${path}`).catch(() => undefined);
      if (info === undefined) {
        wrong.push(`${file}: ${target} is not there`);
      } else if (hash !== "" && path.endsWith(".md")) {
        const there = anchors(await Deno.readTextFile(`${root}/${path}`));
        if (!there.has(decodeURIComponent(hash.slice(1)))) {
          wrong.push(`${file}: ${target} has no such heading`);
        }
      }
    }
  }
  assert.deepEqual(wrong, [], wrong.join("\n"));
});
