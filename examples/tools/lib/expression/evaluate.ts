import { invalid, quote, tooMuch } from "../refuse.ts";
import { CONSTANTS, FUNCTIONS, power } from "./functions.ts";
import { type Token, tokens } from "./tokens.ts";

/** How much an expression may ask for. */
export interface ExpressionLimits {
  /**
   * How many characters it may have.
   *
   * @default {500}
   */
  readonly maxLength?: number;
  /**
   * How deep brackets, signs and powers may be nested.
   *
   * @default {50}
   */
  readonly maxDepth?: number;
  /**
   * How large a number may become on the way, either sign.
   *
   * @default {1e100}
   */
  readonly maxMagnitude?: number;
}

interface Operator {
  readonly level: number;
  readonly apply: (left: number, right: number) => number;
}

const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ["+", { level: 1, apply: (a, b) => a + b }],
  ["-", { level: 1, apply: (a, b) => a - b }],
  ["*", { level: 2, apply: (a, b) => a * b }],
  ["/", { level: 2, apply: (a, b) => a / divisor(b) }],
  ["//", { level: 2, apply: (a, b) => Math.floor(a / divisor(b)) }],
  ["%", { level: 2, apply: (a, b) => a % divisor(b) }],
]);

/**
 * Calculates an expression while reading it, by precedence climbing
 * (Richards and Whitby-Strevens, 1979). Nothing is compiled and no text
 * becomes code; the work is linear in the length.
 *
 * `**` binds tighter than a sign before it and to the right: `-2 ** 2` is -4
 * and `2 ** 3 ** 2` is 512. `//` rounds down; `%` has the sign of the left.
 *
 * @throws {AgenkitError} `invalid_argument` or `resource_exhausted`, saying what and where.
 */
export function evaluate(source: string, limits: ExpressionLimits = {}): number {
  const { maxLength = 500, maxDepth = 50, maxMagnitude = 1e100 } = limits;
  if (source.length > maxLength) {
    throw tooMuch(
      `Cannot calculate: expected at most ${maxLength} characters, got ${source.length}`,
    );
  }
  return new Evaluation(source, maxDepth, maxMagnitude).run();
}

class Evaluation {
  readonly #next: () => Token;
  readonly #maxDepth: number;
  readonly #maxMagnitude: number;
  #token: Token;
  #depth = 0;

  constructor(source: string, maxDepth: number, maxMagnitude: number) {
    this.#next = tokens(source);
    this.#maxDepth = maxDepth;
    this.#maxMagnitude = maxMagnitude;
    this.#token = this.#next();
  }

  run(): number {
    const value = this.#binary(1);
    if (this.#token.type !== "end") throw this.#expected("an operator or the end");
    return value;
  }

  #binary(level: number): number {
    let left = this.#unary();
    for (;;) {
      const operator = this.#token.type === "sign" ? OPERATORS.get(this.#token.text) : undefined;
      if (operator === undefined || operator.level < level) return left;
      this.#token = this.#next();
      left = this.#bounded(operator.apply(left, this.#binary(operator.level + 1)));
    }
  }

  #unary(): number {
    if (this.#is("-") || this.#is("+")) {
      const sign = this.#is("-") ? -1 : 1;
      this.#token = this.#next();
      return sign * this.#deeper(() => this.#unary());
    }
    const base = this.#primary();
    if (!this.#is("**")) return base;
    this.#token = this.#next();
    return this.#bounded(power(base, this.#deeper(() => this.#unary())));
  }

  #primary(): number {
    const token = this.#token;
    if (token.type === "number") {
      this.#token = this.#next();
      return this.#bounded(token.value);
    }
    if (token.type === "name") {
      this.#token = this.#next();
      return this.#is("(") ? this.#call(token.text) : constant(token.text);
    }
    if (!this.#is("(")) throw this.#expected("a number, a name or (");
    this.#token = this.#next();
    const value = this.#deeper(() => this.#binary(1));
    this.#close();
    return value;
  }

  #call(name: string): number {
    const callable = FUNCTIONS.get(name);
    if (callable === undefined) {
      throw invalid(
        `Cannot calculate: expected one of the functions ${[...FUNCTIONS.keys()].join(", ")}, got ${
          quote(name)
        }`,
      );
    }
    const args: number[] = [];
    do {
      this.#token = this.#next();
      if (args.length === 0 && this.#is(")")) break;
      args.push(this.#deeper(() => this.#binary(1)));
    } while (this.#is(",") && args.length <= callable.max);
    if (args.length < callable.min || args.length > callable.max) {
      throw invalid(
        `Cannot calculate: expected ${callable.min} to ${callable.max} arguments for ${name}(), got ${
          args.length > callable.max ? "more" : args.length
        }`,
      );
    }
    this.#close();
    return this.#bounded(callable.call(...args));
  }

  /** Counts the nesting, so that the limit is ours and not the engine's stack. */
  #deeper(read: () => number): number {
    if (++this.#depth > this.#maxDepth) {
      throw tooMuch(`Cannot calculate: expected at most ${this.#maxDepth} levels of nesting`);
    }
    const value = read();
    this.#depth--;
    return value;
  }

  #bounded(value: number): number {
    if (Number.isNaN(value)) throw invalid("Cannot calculate: the result is not a number");
    if (Math.abs(value) > this.#maxMagnitude) {
      throw tooMuch(
        `Cannot calculate: expected numbers up to ${this.#maxMagnitude}, got a larger one`,
      );
    }
    return value;
  }

  #is(sign: string): boolean {
    return this.#token.type === "sign" && this.#token.text === sign;
  }

  #close(): void {
    if (!this.#is(")")) throw this.#expected(")");
    this.#token = this.#next();
  }

  #expected(what: string): Error {
    const token = this.#token;
    const got = token.type === "end"
      ? "the end"
      : quote(token.type === "number" ? String(token.value) : token.text);
    return invalid(`Cannot calculate: expected ${what} at character ${token.at + 1}, got ${got}`);
  }
}

function divisor(value: number): number {
  if (value === 0) throw invalid("Cannot calculate: division by zero");
  return value;
}

function constant(name: string): number {
  const value = CONSTANTS.get(name);
  if (value === undefined) {
    throw invalid(
      `Cannot calculate: expected one of the constants ${[...CONSTANTS.keys()].join(", ")}, got ${
        quote(name)
      }`,
    );
  }
  return value;
}
