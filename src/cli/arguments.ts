import { parseArgs, type ParseArgsConfig } from "node:util";
import { UsageError } from "./io.ts";

/** What was given on a command line. */
export interface Arguments {
  /** Options by name. */
  readonly values: Readonly<Record<string, string | boolean | string[] | undefined>>;
  /** What is no option, in order. */
  readonly positionals: readonly string[];
}

/**
 * Reads a command line.
 *
 * @throws {UsageError} If an option is not known or lacks its value.
 */
export function readArguments(
  args: readonly string[],
  options: NonNullable<ParseArgsConfig["options"]>,
): Arguments {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    return { values: values as Arguments["values"], positionals };
  } catch (error) {
    throw new UsageError((error as Error).message.split(". ")[0]!);
  }
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

/**
 * Reads a duration such as `500`, `500ms`, `2.5s` or `1m`, as milliseconds.
 *
 * @throws {UsageError} If it is none.
 */
export function readDuration(name: string, value: string): number {
  const parts = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(value);
  if (parts !== null) return Number(parts[1]) * UNITS[parts[2] ?? "ms"]!;
  throw new UsageError(`--${name} must be a duration such as 500ms, 2.5s or 1m, got "${value}"`);
}

/**
 * Reads a port.
 *
 * @throws {UsageError} If it is none.
 */
export function readPort(name: string, value: string): number {
  const port = Number(value);
  if (/^\d+$/.test(value) && port <= 65_535) return port;
  throw new UsageError(`--${name} must be a number from 0 to 65535, got "${value}"`);
}

/**
 * Reads headers written as `Name: value`.
 *
 * @throws {UsageError} If one has no colon, or a name that cannot be one.
 */
export function readHeaders(values: readonly string[]): Record<string, string> {
  return Object.fromEntries(values.map((value) => {
    const [, name, content] = /^([!#$%&'*+.^`|~\w-]+):(.*)$/.exec(value) ?? [];
    if (name !== undefined && content !== undefined) return [name, content.trim()];
    throw new UsageError(`--header must be "Name: value", got "${value}"`);
  }));
}
