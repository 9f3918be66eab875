import { root } from "../architecture/graph.ts";
import { expand } from "../runtimes/files.ts";

/** A fenced block of a Markdown file. */
export interface Snippet {
  /** Path of the Markdown file, relative to the repository. */
  readonly file: string;
  /** Line of the first line of code, counted from 1. */
  readonly line: number;
  /** First word after the fence, as in `ts`. */
  readonly language: string;
  readonly code: string;
  /** What the HTML comment right before it says. */
  readonly directive: Directive;
}

/** How a snippet is tested: by itself; not at all; or behind the code of the one before it. */
export type Directive =
  | { readonly kind: "run" }
  | { readonly kind: "skip"; readonly reason: string }
  | { readonly kind: "continue" };

const FENCE = /^(\s*)(`{3,}|~{3,})\s*([\w+-]*)/;
const COMMENT = /^\s*<!--\s*test:\s*(.*?)\s*-->\s*$/;

/** All fenced blocks of the README and the documents. */
export async function readSnippets(): Promise<Snippet[]> {
  const found: Snippet[] = [];
  for (const file of await expand(root, ["README.md", "docs/**/*.md"])) {
    found.push(...parseSnippets(file, await Deno.readTextFile(`${root}/${file}`)));
  }
  return found;
}

/** Finds the fenced blocks of a Markdown text. */
export function parseSnippets(file: string, markdown: string): Snippet[] {
  const found: Snippet[] = [];
  const lines = markdown.split("\n");
  let directive: Directive = { kind: "run" };
  for (let at = 0; at < lines.length; at++) {
    const text = lines[at] ?? "";
    const comment = COMMENT.exec(text);
    const fence = FENCE.exec(text);
    if (comment) {
      directive = parseDirective(comment[1] ?? "", `${file}:${at + 1}`);
    } else if (fence) {
      const [, indent = "", mark = "```", language = ""] = fence;
      const start = at + 1;
      for (at++; at < lines.length; at++) {
        const line = (lines[at] ?? "").trim();
        if (line.startsWith(mark) && line.replaceAll(mark[0] ?? "`", "") === "") break;
      }
      const code = lines.slice(start, at).map((line) =>
        line.startsWith(indent) ? line.slice(indent.length) : line
      ).join("\n");
      found.push({ file, line: start + 1, language, code, directive });
      directive = { kind: "run" };
    } else if (text.trim() !== "") {
      directive = { kind: "run" };
    }
  }
  return found;
}

function parseDirective(text: string, place: string): Directive {
  if (text === "continue") return { kind: text };
  const skip = /^skip\s+(\S.*)$/.exec(text);
  if (skip) return { kind: "skip", reason: skip[1] ?? "" };
  throw new Error(`${place}: expected "skip <reason>" or "continue", got "${text}"`);
}

/** A program made of one snippet and those that continue it. */
export interface Program {
  readonly file: string;
  readonly line: number;
  readonly code: string;
  readonly directive: Directive;
}

/** Joins the snippets of one language with those that continue them. */
export function programs(snippets: readonly Snippet[], languages: readonly string[]): Program[] {
  const found: Program[] = [];
  for (const { file, line, language, code, directive } of snippets) {
    if (!languages.includes(language)) continue;
    const last = found.at(-1);
    if (directive.kind !== "continue") {
      found.push({ file, line, code: `${code}\n`, directive });
    } else if (last === undefined) {
      throw new Error(`${file}:${line}: there is no snippet before it to continue`);
    } else {
      found[found.length - 1] = { ...last, code: `${last.code}${code}\n` };
    }
  }
  return found;
}
