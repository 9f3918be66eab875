import { invalid, quote } from "../refuse.ts";

/** A piece of an expression: a number, a name, an operator or bracket, or the end. */
export type Token =
  | { readonly type: "number"; readonly value: number; readonly at: number }
  | { readonly type: "name" | "sign"; readonly text: string; readonly at: number }
  | { readonly type: "end"; readonly text: ""; readonly at: number };

// Sticky, without nested repetition: each character is looked at a constant
// number of times, however the expression is made.
const SPACE = /[ \t\r\n]*/y;
const NUMBER = /(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const SIGN = /\*\*|\/\/|[-+*/%(),]/y;

/**
 * Splits an expression, one token a call, so that no list of tokens is built
 * for an expression that is refused halfway.
 *
 * @returns A function that gives the next token; `end` for ever after the last.
 */
export function tokens(source: string): () => Token {
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const text = pattern.exec(source)?.[0];
    if (text !== undefined) at += text.length;
    return text;
  };
  return () => {
    take(SPACE);
    const start = at;
    if (start >= source.length) return { type: "end", text: "", at: start };
    const number = take(NUMBER);
    if (number !== undefined) return { type: "number", value: Number(number), at: start };
    const name = take(NAME);
    if (name !== undefined) return { type: "name", text: name, at: start };
    const sign = take(SIGN);
    if (sign !== undefined) return { type: "sign", text: sign, at: start };
    const found = String.fromCodePoint(source.codePointAt(start)!);
    throw invalid(
      `Cannot calculate: expected a number, a name or one of + - * / // % ** ( ) , at character ${
        start + 1
      }, got ${quote(found)}`,
    );
  };
}
