import { type Clock, systemClock } from "./clock.ts";
import { describe } from "./json.ts";

/** The bounds that {@linkcode checkNumber} holds a value to. */
export interface NumberRule {
  /** The smallest value allowed. */
  readonly min?: number;
  /** Whether `min` itself is refused. */
  readonly exclusive?: boolean;
  /** The largest value allowed. */
  readonly max?: number;
  /** Whether fractions are refused. */
  readonly integer?: boolean;
  /** Whether `Infinity` is allowed, meaning "no limit". */
  readonly infinite?: boolean;
}

/**
 * Checks a numeric option at construction.
 *
 * @param action What cannot be done, such as `"retry"`; begins the error's text.
 * @throws {TypeError} If the value is not a number.
 * @throws {RangeError} If it is NaN, infinite, a fraction or out of bounds; says what was expected.
 */
export function checkNumber(
  action: string,
  name: string,
  value: unknown,
  rule: NumberRule,
): number {
  const ok = typeof value === "number" && !Number.isNaN(value) &&
    (Number.isFinite(value)
      ? !rule.integer || Number.isInteger(value)
      : rule.infinite === true && value > 0) &&
    (rule.min === undefined || (rule.exclusive ? value > rule.min : value >= rule.min)) &&
    (rule.max === undefined || value <= rule.max);
  if (ok) return value;
  const text = `Cannot ${action} as '${name}' must be ${expected(rule)}: current value is ${
    describe(value)
  }`;
  throw typeof value === "number" ? new RangeError(text) : new TypeError(text);
}

/**
 * Checks the limits that several options have in common: a size, a time or a count.
 *
 * @throws {TypeError} If the value is not a number.
 * @throws {RangeError} If it is not positive; `Infinity` means no limit.
 */
export function checkLimit(action: string, name: string, value: number): number {
  return checkNumber(action, name, value, { min: 0, exclusive: true, infinite: true });
}

/**
 * Checks that options, where given, are an object.
 *
 * @throws {TypeError} If they are not.
 */
export function checkOptions<T extends object>(action: string, options: T): T {
  if (typeof options === "object" && options !== null) return options;
  throw new TypeError(
    `Cannot ${action}: expected an object of options, got ${describe(options)}`,
  );
}

/**
 * Checks an option that has to be a function.
 *
 * @throws {TypeError} If it is given and is not one.
 */
export function checkFunction(action: string, name: string, value: unknown): void {
  if (value === undefined || typeof value === "function") return;
  throw new TypeError(
    `Cannot ${action} as '${name}' must be a function: current value is ${describe(value)}`,
  );
}

/**
 * Checks an option that is a switch: text such as `"false"` would turn it on.
 *
 * @throws {TypeError} If it is given and is neither `true` nor `false`.
 */
export function checkBoolean(action: string, name: string, value: unknown): void {
  if (value === undefined || typeof value === "boolean") return;
  throw new TypeError(
    `Cannot ${action} as '${name}' must be a boolean: current value is ${describe(value)}`,
  );
}

/**
 * Checks an option that is text.
 *
 * @throws {TypeError} If it is given and is not a string.
 */
export function checkText(action: string, name: string, value: unknown): void {
  if (value === undefined || typeof value === "string") return;
  throw new TypeError(
    `Cannot ${action} as '${name}' must be a string: current value is ${describe(value)}`,
  );
}

/**
 * Checks an option that is a list of texts.
 *
 * @throws {TypeError} If it is given and is not an array of strings.
 */
export function checkTexts(action: string, name: string, value: unknown): void {
  if (value === undefined) return;
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return;
  throw new TypeError(
    `Cannot ${action} as '${name}' must be an array of strings: current value is ${
      describe(value)
    }`,
  );
}

/**
 * Checks an option that is one of several words.
 *
 * @throws {TypeError} If the value is not text.
 * @throws {RangeError} If it is none of the words.
 */
export function checkWord(
  action: string,
  name: string,
  value: unknown,
  words: readonly string[],
): void {
  if (typeof value === "string" && words.includes(value)) return;
  const quoted = words.map((word) => `"${word}"`);
  const text = `Cannot ${action} as '${name}' must be ${quoted.slice(0, -1).join(", ")} or ` +
    `${quoted.at(-1)}: current value is ${describe(value)}`;
  throw typeof value === "string" ? new RangeError(text) : new TypeError(text);
}

/**
 * The clock that an option gives, or that of the machine.
 *
 * @throws {TypeError} If it is given and is not a clock.
 */
export function checkClock(action: string, clock: Clock | undefined): Clock {
  if (clock === undefined) return systemClock;
  const candidate = Object(clock) as Partial<Record<keyof Clock, unknown>>;
  const methods = ["now", "sleep", "schedule"] as const;
  if (methods.every((name) => typeof candidate[name] === "function")) return clock;
  throw new TypeError(
    `Cannot ${action} as 'clock' must have the methods ${methods.join(", ")}: ` +
      `current value is ${describe(clock)}`,
  );
}

function expected({ min, exclusive, max, integer, infinite }: NumberRule): string {
  const noun = integer ? "integer" : "number";
  let phrase = `a finite ${noun}`;
  if (min === 0 && exclusive) phrase = `a positive ${noun}`;
  else if (min === 1 && integer && !exclusive) phrase = "a positive integer";
  else if (min === 0) phrase = `a non-negative ${noun}`;
  else if (min !== undefined) phrase += ` ${exclusive ? "above" : "of at least"} ${min}`;
  if (max !== undefined) phrase += ` of at most ${max}`;
  return infinite ? `${phrase} or Infinity` : phrase;
}
