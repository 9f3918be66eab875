import { AgenkitError } from "../core/errors.ts";
import { describe, EMPTY_OBJECT, type Json, type JsonObject, toJsonObject } from "../core/json.ts";
import { isTooDeep, jsonSize, MAX_TOOL_DEPTH } from "./json_size.ts";

/** A tool call as a message has it: nothing about it is known to be right. */
export interface RequestedCall {
  /** The given id, or a made one. */
  readonly id: string;
  /** Whether the id was given. */
  readonly hasId: boolean;
  /** The name; may be of no tool. */
  readonly name: string;
  /** The arguments: an object, JSON text of one, or nonsense. */
  readonly args: Json;
  /** Why it cannot run at all. */
  readonly problem: string | undefined;
}

/**
 * Reads the `tool_calls` of a request as Python's agenkit does: a list that is
 * not right as a whole is refused before anything runs.
 *
 * @throws {AgenkitError} With code `invalid_argument`, in the words of Python's agenkit.
 */
export function readRequestCalls(value: Json): readonly RequestedCall[] {
  if (!Array.isArray(value)) throw invalid("tool_calls must be a list");
  return value.map((entry: Json, index): RequestedCall => {
    if (!isObject(entry)) throw invalid("Each tool call must be a dict");
    const { name, args } = partsOf(entry);
    if (typeof name !== "string") throw invalid("Each tool call must have 'tool_name'");
    if (args === undefined) throw invalid("Each tool call must have 'parameters'");
    return { ...idOf(entry, index), name, args, problem: undefined };
  });
}

/**
 * Reads the `tool_calls` of an agent's answer. What is not right about one is
 * told to the agent, which may do better next time.
 *
 * @param made How many ids were made before.
 * @throws {AgenkitError} With code `internal`, if it is neither a list nor `null`.
 */
export function readModelCalls(
  agent: string,
  value: Json | undefined,
  made: number,
): readonly RequestedCall[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) {
    throw new AgenkitError(
      "internal",
      `Cannot run the tools that agent '${agent}' asked for: 'tool_calls' must be a list, got ${
        describe(value)
      }`,
    );
  }
  return value.map((entry: Json, index): RequestedCall => {
    if (!isObject(entry)) return { ...idOf({}, made + index), ...UNREADABLE };
    const { name, args } = partsOf(entry);
    const id = idOf(entry, made + index);
    if (typeof name !== "string") return { ...id, ...UNREADABLE };
    return { ...id, name, args: args ?? EMPTY_OBJECT, problem: undefined };
  });
}

const UNREADABLE = {
  name: "",
  args: EMPTY_OBJECT,
  problem: "Invalid tool call: expected an object with 'tool_name' and 'parameters'",
};

/**
 * Reads the arguments of a call.
 *
 * @throws {TypeError} If they are not an object of JSON, or too large.
 */
export function readArguments(args: unknown, maxBytes: number): JsonObject {
  const tooLarge = () => new TypeError(`expected at most ${maxBytes} bytes, got more`);
  let value: unknown = args;
  if (typeof args === "string") {
    // A character takes at least one byte.
    if (args.length > maxBytes) throw tooLarge();
    value = args.trim() === "" ? {} : parse(args);
  }
  const checked = toJsonObject(value, "arguments");
  if (jsonSize(checked, maxBytes) > maxBytes) throw tooLarge();
  if (isTooDeep(checked)) {
    throw new TypeError(`expected at most ${MAX_TOOL_DEPTH} levels of nesting, got more`);
  }
  return checked;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own words quote the text.
    throw new TypeError("expected JSON text, got text that cannot be parsed");
  }
}

/**
 * A call as the inner agent finds it in the history: as it was, with the id
 * that its result refers to. What is too much to run is too much to repeat.
 */
export function callForHistory(entry: Json, { id, name }: RequestedCall, maxBytes: number): Json {
  if (jsonSize(entry, maxBytes) > maxBytes || isTooDeep(entry)) {
    return { id, tool_name: name.slice(0, 100), parameters: EMPTY_OBJECT };
  }
  return isObject(entry) ? { ...entry, id } : entry;
}

/** Python and Go write `tool_name` and `parameters`; models write `name` and `arguments`. */
function partsOf(entry: JsonObject): { name: Json | undefined; args: Json | undefined } {
  return {
    name: own(entry, "tool_name") ?? own(entry, "name"),
    args: own(entry, "parameters") === undefined
      ? own(entry, "arguments")
      : own(entry, "parameters"),
  };
}

function idOf(entry: JsonObject, index: number): { id: string; hasId: boolean } {
  const id = own(entry, "id");
  return typeof id === "string" && id !== ""
    ? { id, hasId: true }
    : { id: `call_${index + 1}`, hasId: false };
}

function own(entry: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(entry, key) ? entry[key] : undefined;
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(text: string): AgenkitError {
  return new AgenkitError("invalid_argument", text);
}
