/** What a piece of TypeScript is: code, a comment, or text inside quotes. */
type Kind = "code" | "comment" | "text";

/** After one of these a slash begins a regular expression, not a division. */
const BEFORE_REGEXP =
  /(?:[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|void|yield|await))\s*$/;

/** Keeps the chosen kinds of a source; everything else becomes spaces. */
export function keep(source: string, ...kinds: readonly Kind[]): string {
  let out = "";
  for (const [kind, part] of parts(source)) {
    out += kinds.includes(kind) ? part : part.replace(/[^\n]/g, " ");
  }
  return out;
}

/** The line a position is on, counted from 1. */
export function lineAt(source: string, index: number): number {
  return source.slice(0, index).split("\n").length;
}

function* parts(source: string): Generator<readonly [Kind, string]> {
  let code = "";
  let at = 0;
  /** Depth of braces in each template literal that is open. */
  const templates: number[] = [];
  let resumeTemplate = false;
  while (at < source.length) {
    const rest = source.slice(at, at + 2);
    const char = source[at] ?? "";
    let kind: Kind = "text";
    let end = at;
    if (resumeTemplate || char === "`") {
      end = templateEnd(source, resumeTemplate ? at : at + 1);
      if (source[end - 1] === "{") templates.push(0);
      resumeTemplate = false;
    } else if (rest === "//") {
      kind = "comment";
      end = endOf(source, "\n", at, 0);
    } else if (rest === "/*") {
      kind = "comment";
      end = endOf(source, "*/", at + 2, 2);
    } else if (char === '"' || char === "'") {
      end = quoteEnd(source, at);
    } else if (char === "/" && BEFORE_REGEXP.test(code.trimEnd().slice(-12) || ";")) {
      end = regExpEnd(source, at);
    } else {
      const depth = templates.length - 1;
      if (depth >= 0 && char === "{") templates[depth] = (templates[depth] ?? 0) + 1;
      if (depth >= 0 && char === "}") {
        if (templates[depth] === 0) {
          templates.pop();
          resumeTemplate = true;
          yield ["text", char];
          at++;
          continue;
        }
        templates[depth] = (templates[depth] ?? 0) - 1;
      }
      code += char;
      yield ["code", char];
      at++;
      continue;
    }
    if (kind === "text") code += "x";
    yield [kind, source.slice(at, end)];
    at = end;
  }
}

function endOf(source: string, mark: string, from: number, length: number): number {
  const found = source.indexOf(mark, from);
  return found < 0 ? source.length : found + length;
}

function quoteEnd(source: string, start: number): number {
  let at = start + 1;
  while (at < source.length && source[at] !== source[start] && source[at] !== "\n") {
    at += source[at] === "\\" ? 2 : 1;
  }
  return at + 1;
}

function regExpEnd(source: string, start: number): number {
  let at = start + 1;
  let inClass = false;
  while (at < source.length && source[at] !== "\n") {
    const char = source[at];
    if (char === "/" && !inClass) break;
    if (char === "[") inClass = true;
    if (char === "]") inClass = false;
    at += char === "\\" ? 2 : 1;
  }
  return at + 1;
}

/** Behind the closing backtick, or behind the `${` of an expression. */
function templateEnd(source: string, from: number): number {
  let at = from;
  while (at < source.length) {
    if (source[at] === "`") return at + 1;
    if (source[at] === "$" && source[at + 1] === "{") return at + 2;
    at += source[at] === "\\" ? 2 : 1;
  }
  return at;
}
