import { invalid, tooMuch } from "../refuse.ts";

/** A function that an expression may call, and how many arguments it takes. */
export interface Callable {
  readonly min: number;
  readonly max: number;
  readonly call: (...args: readonly number[]) => number;
}

const one = (call: (x: number) => number): Callable => ({
  min: 1,
  max: 1,
  call: (x = NaN) => call(x),
});
const many = (call: (...args: readonly number[]) => number): Callable => ({
  min: 1,
  max: 32,
  call,
});

/**
 * The names an expression may use. A `Map` and not an object, since an object
 * also has `constructor`, `__proto__` and `toString`.
 */
export const FUNCTIONS: ReadonlyMap<string, Callable> = new Map<string, Callable>([
  ["abs", one(Math.abs)],
  ["ceil", one(Math.ceil)],
  ["cos", one(Math.cos)],
  ["exp", one(Math.exp)],
  ["factorial", one(factorial)],
  ["floor", one(Math.floor)],
  ["ln", one(Math.log)],
  ["log2", one(Math.log2)],
  ["log10", one(Math.log10)],
  ["max", many(Math.max)],
  ["min", many(Math.min)],
  ["pow", { min: 2, max: 2, call: (x = NaN, y = NaN) => power(x, y) }],
  ["round", one(Math.round)],
  ["sin", one(Math.sin)],
  ["sqrt", one(Math.sqrt)],
  ["sum", many((...args) => args.reduce((sum, x) => sum + x, 0))],
  ["tan", one(Math.tan)],
]);

/** The constants an expression may use. */
export const CONSTANTS: ReadonlyMap<string, number> = new Map([
  ["e", Math.E],
  ["pi", Math.PI],
  ["tau", 2 * Math.PI],
]);

/** How large an exponent may be: no result of more than some hundred digits is of use. */
const MAX_EXPONENT = 1024;

/** `base ** exponent`, by the processor's own instruction and never by a loop. */
export function power(base: number, exponent: number): number {
  if (Math.abs(exponent) > MAX_EXPONENT) {
    throw tooMuch(
      `Cannot calculate: expected exponents from -${MAX_EXPONENT} to ${MAX_EXPONENT}, got ${exponent}`,
    );
  }
  return base ** exponent;
}

function factorial(n: number): number {
  // 170! is the last that a double can hold, which also bounds the loop.
  if (!Number.isInteger(n) || n < 0 || n > 170) {
    throw invalid(`Cannot calculate: factorial() needs an integer from 0 to 170, got ${n}`);
  }
  let product = 1;
  for (let i = 2; i <= n; i++) product *= i;
  return product;
}
