import { invalid, quote, refuse } from "../refuse.ts";
import { splitPath } from "../rooted/path.ts";
import type { Root } from "../rooted/root.ts";

/** What may follow a program's name. What a policy does not name is refused. */
export interface ProgramPolicy {
  /** Options without a value, letter by letter: neither abbreviations nor clusters match. */
  readonly flags?: readonly string[];
  /** Options with a value, `-n 5`, `-n5` or `--lines=5`: the pattern has to match all of the value. */
  readonly values?: Readonly<Record<string, RegExp>>;
  /** Words that are not options and not paths, such as a text to search for. */
  readonly words?: { readonly min: number; readonly max: number };
  /** Paths below the root. */
  readonly paths?: { readonly min: number; readonly max: number };
  /** Arguments that are always given, first. */
  readonly always?: readonly string[];
  /**
   * Whether the program takes `--` as the end of its options. If it does not,
   * words that begin with `-` are refused.
   *
   * @default {true}
   */
  readonly terminator?: boolean;
}

/** What a model asked for, each kind on its own, so that no word can pass for an option. */
export interface RequestedArguments {
  readonly options?: readonly string[];
  readonly words?: readonly string[];
  readonly paths?: readonly string[];
}

const MAX_WORD = 1000;

/**
 * Makes the argument list: what is always there, the options that the policy
 * names, `--`, the words, the paths.
 *
 * @throws {AgenkitError} If an argument is not allowed.
 */
export async function buildArguments(
  name: string,
  policy: ProgramPolicy,
  requested: RequestedArguments,
  root: Root,
): Promise<readonly string[]> {
  const { options = [], words = [], paths = [] } = requested;
  const args = [...policy.always ?? [], ...checkOptions(name, policy, options)];
  checkCount(name, "words", words.length, policy.words);
  checkCount(name, "paths", paths.length, policy.paths);
  if (policy.terminator !== false) args.push("--");
  for (const word of words) {
    if (word.length > MAX_WORD || word.includes("\0") || !word.isWellFormed()) {
      throw invalid(`Cannot run ${name}: expected words of at most ${MAX_WORD} plain characters`);
    }
    if (policy.terminator === false && word.startsWith("-")) {
      throw refuse(`Cannot run ${name}: ${quote(word)} looks like an option`);
    }
    args.push(word);
  }
  for (const path of paths) args.push(await checkPath(path, root));
  return args;
}

/** Checks options against a policy and returns them as they are passed on. */
export function checkOptions(
  name: string,
  policy: ProgramPolicy,
  options: readonly string[],
): readonly string[] {
  const args: string[] = [];
  for (let i = 0; i < options.length; i++) {
    const option = options[i]!;
    if (policy.flags?.includes(option)) {
      args.push(option);
      continue;
    }
    const { key, value = options[++i] } = splitOption(option);
    const pattern = Object.hasOwn(policy.values ?? {}, key) ? policy.values![key] : undefined;
    if (pattern === undefined) throw refuse(`Cannot run ${name}: option ${quote(key)} is refused`);
    if (value === undefined || value.includes("\0") || !matchesWhole(pattern, value)) {
      const got = value === undefined ? "nothing" : quote(value);
      throw refuse(`Cannot run ${name}: option ${key} does not take ${got}`);
    }
    // In one piece: the value cannot become an argument of its own, not even
    // with a program that takes the option without one.
    args.push(key.startsWith("--") ? `${key}=${value}` : `${key}${value}`);
  }
  return args;
}

/** `--key=value`, `-kvalue`, or a key whose value is the next argument. */
function splitOption(option: string): { readonly key: string; readonly value?: string } {
  if (!option.startsWith("--")) {
    return option.length > 2
      ? { key: option.slice(0, 2), value: option.slice(2) }
      : { key: option };
  }
  const equals = option.indexOf("=");
  return equals < 0
    ? { key: option }
    : { key: option.slice(0, equals), value: option.slice(equals + 1) };
}

function matchesWhole(pattern: RegExp, value: string): boolean {
  return value.length <= MAX_WORD && new RegExp(`^(?:${pattern.source})$`, "u").test(value);
}

/**
 * Checks that a path leads to something below the root without a link. The
 * program opens it by itself, later: who can change the root in between can
 * still put a link there. See the guide.
 */
async function checkPath(path: string, root: Root): Promise<string> {
  const parts = splitPath(path, root.policy);
  if (parts.length === 0) return ".";
  await root.within(parts.slice(0, -1), async (directory) => {
    await directory.plain(parts.at(-1)!);
  });
  // With "./" in front it is a path to every program, whatever it begins with.
  return `./${parts.join("/")}`;
}

function checkCount(
  name: string,
  what: string,
  count: number,
  rule: { readonly min: number; readonly max: number } = { min: 0, max: 0 },
): void {
  if (count >= rule.min && count <= rule.max) return;
  throw invalid(`Cannot run ${name}: expected ${rule.min} to ${rule.max} ${what}, got ${count}`);
}
