/** One test as a report tells it. */
export interface Case {
  /** Path relative to the repository, or `""` when the report has none. */
  readonly file: string;
  readonly name: string;
  readonly status: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped. */
  readonly message: string;
}

const ELEMENT = /<testcase\b((?:\s+[\w:.-]+="[^"]*")*)\s*(?:\/>|>([\s\S]*?)<\/testcase>)/g;
const ATTRIBUTE = /([\w:.-]+)="([^"]*)"/g;

/**
 * Reads the test cases of a JUnit report as Deno, Node and Bun write it. Each
 * names the file elsewhere: Node in `file` (absolute; not at all before 24),
 * Bun in `file` (relative), Deno in `classname`.
 */
export function parseJunit(xml: string, root: string): Case[] {
  const cases: Case[] = [];
  for (const [, head = "", body = ""] of xml.matchAll(ELEMENT)) {
    const attributes = readAttributes(head);
    const classname = attributes.get("classname") ?? "";
    const place = attributes.get("file") ?? (classname.includes("/") ? classname : "");
    const file = relative(place, root);
    const name = attributes.get("name") ?? "";
    const failed = /<(?:failure|error)\b([^>]*)>([\s\S]*)/.exec(body);
    const skipped = /<skipped\b([^>]*)>/.exec(body);
    if (failed) {
      const message = readAttributes(failed[1] ?? "").get("message");
      cases.push({
        file,
        name,
        status: "failed",
        message: message ?? unescape(failed[2] ?? ""),
      });
    } else if (skipped) {
      const message = readAttributes(skipped[1] ?? "").get("message") ?? "";
      cases.push({ file, name, status: "skipped", message });
    } else {
      cases.push({ file, name, status: "passed", message: "" });
    }
  }
  return cases;
}

/** Writes a report in the shape {@linkcode parseJunit} reads. */
export function formatJunit(cases: readonly Case[]): string {
  const lines = cases.map(({ file, name, status, message }) => {
    const head = `<testcase name="${escape(name)}" file="${escape(file)}"`;
    if (status === "passed") return `${head}/>`;
    const tag = status === "failed" ? "failure" : "skipped";
    return `${head}><${tag} message="${escape(message)}"/></testcase>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${
    lines.join("\n")
  }\n</testsuites>\n`;
}

function readAttributes(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, key = "", value = ""] of text.matchAll(ATTRIBUTE)) {
    found.set(key, unescape(value));
  }
  return found;
}

function relative(path: string, root: string): string {
  if (path.startsWith(`${root}/`)) return path.slice(root.length + 1);
  return path.replace(/^\.\//, "");
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

function unescape(text: string): string {
  return text.replace(
    /&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi,
    (all, decimal, hex, name) => {
      if (decimal) return String.fromCodePoint(Number(decimal));
      if (hex) return String.fromCodePoint(parseInt(hex, 16));
      return ENTITIES[name] ?? all;
    },
  );
}

function escape(text: string): string {
  // deno-lint-ignore no-control-regex -- XML 1.0 has no way to write these
  return text.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f]/g, "?")
    .replace(/[&<>"\n]/g, (c) => `&#${c.charCodeAt(0)};`);
}
