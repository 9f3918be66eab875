/**
 * An agent that answers questions about agenkit from this repository's own
 * documents, by full-text search: no key, no network, the same answer each time.
 */
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import MiniSearch from "minisearch";
import { type Agent, agent, type Message, message, text } from "../../mod.ts";

interface Passage {
  readonly id: number;
  readonly source: string;
  readonly line: number;
  readonly heading: string;
  readonly body: string;
}

const ROOT = new URL("../../", import.meta.url);
const ANSWERS = 3;

let loading: Promise<MiniSearch<Passage>> | undefined;

/** Answers from the Markdown of the repository; streams a passage a chunk. */
export const docs: Agent = agent({
  name: "docs",
  capabilities: ["search", "streaming"],
  async process(question) {
    const found = await find(question);
    return {
      content: found.map(text).join("\n\n"),
      metadata: { sources: found.map((passage) => passage.metadata.source ?? null) },
    };
  },
  async *stream(question, { signal }) {
    for (const passage of await find(question)) {
      signal?.throwIfAborted();
      yield passage;
    }
  },
});

async function find(question: Message): Promise<Message[]> {
  const index = await (loading ??= load());
  const hits = index.search(text(question), { prefix: true, boost: { heading: 2 } });
  if (hits.length === 0) {
    return [message("agent", "I found nothing about that in the documents.")];
  }
  return hits.slice(0, ANSWERS).map((hit) => {
    const source = `${hit.source}:${hit.line}`;
    const score = Math.round(hit.score * 100) / 100;
    return message("agent", `${hit.body}\n(${source})`, { source, heading: hit.heading, score });
  });
}

async function load(): Promise<MiniSearch<Passage>> {
  const index = new MiniSearch<Passage>({
    fields: ["heading", "body"],
    storeFields: ["source", "line", "heading", "body"],
  });
  for (const source of await markdownFiles()) {
    const lines = (await readFile(new URL(source, ROOT), "utf8")).split(/\r?\n/);
    for (const passage of passagesOf(source, lines)) {
      index.add({ ...passage, id: index.documentCount });
    }
  }
  return index;
}

async function markdownFiles(): Promise<string[]> {
  const top = (await readdir(fileURLToPath(ROOT))).filter((name) => name.endsWith(".md"));
  const folder = fileURLToPath(new URL("docs", ROOT));
  const below = (await readdir(folder, { recursive: true }))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name.replaceAll("\\", "/")}`);
  return [...top, ...below].sort();
}

/** Splits a document into its paragraphs, lists, tables and code blocks, each under its heading. */
function passagesOf(source: string, lines: readonly string[]): Omit<Passage, "id">[] {
  const passages: Omit<Passage, "id">[] = [];
  let heading = source;
  let block: string[] = [];
  let start = 0;
  let fenced = false;
  const flush = () => {
    const body = block.join("\n").trim();
    if (body !== "" && !body.startsWith("<!--")) {
      passages.push({ source, line: start + 1, heading, body });
    }
    block = [];
  };
  lines.forEach((line, i) => {
    const title = fenced ? null : /^#{1,6}\s+(.*)/.exec(line);
    if (title !== null) {
      flush();
      heading = title[1]!;
      return;
    }
    if (line.startsWith("```")) fenced = !fenced;
    if (line.trim() === "" && !fenced) return flush();
    if (block.length === 0) start = i;
    block.push(line);
  });
  flush();
  return passages;
}
