import { describe, EMPTY_OBJECT, type Json, type JsonObject, toJson } from "../core/json.ts";
import { toJsonObject } from "../core/json.ts";

/** What a tool gave. A `type`, so that it counts as JSON where one goes into a message. */
export type ToolSuccess = {
  /** It went well. */
  readonly success: true;
  /** What came out. */
  readonly data: Json;
  /** Nothing went wrong. */
  readonly error: null;
  /** Whatever travels along. */
  readonly metadata: JsonObject;
};

/** Why a tool gave nothing. */
export type ToolFailure = {
  /** It went wrong. */
  readonly success: false;
  /** What there is nevertheless; usually `null`. */
  readonly data: Json;
  /** What went wrong, for the model or the user; never empty. */
  readonly error: string;
  /** Whatever travels along. */
  readonly metadata: JsonObject;
};

/**
 * How a tool call ended, deeply frozen. On the wire it has all four keys, as
 * Python's agenkit writes it: `error` is `null` exactly when it went well.
 */
export type ToolResult = ToolSuccess | ToolFailure;

/**
 * Makes the result of a call that went well.
 *
 * @example
 * ```ts
 * import { toolSuccess } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const result = toolSuccess({ celsius: 21 }, { source: "cache" });
 * assert.equal(
 *   JSON.stringify(result),
 *   '{"success":true,"data":{"celsius":21},"error":null,"metadata":{"source":"cache"}}',
 * );
 * ```
 *
 * @throws {TypeError} If the data or the metadata is not JSON.
 */
export function toolSuccess(data: Json = null, metadata: JsonObject = EMPTY_OBJECT): ToolSuccess {
  return Object.freeze({
    success: true,
    data: toJson(data, "data"),
    error: null,
    metadata: toJsonObject(metadata, "metadata"),
  });
}

/**
 * Makes the result of a call that went wrong in a way the model or the user
 * may know of.
 *
 * @example
 * ```ts
 * import { toolFailure } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * assert.equal(toolFailure("Division by zero").success, false);
 * assert.throws(() => toolFailure(""), /must have error message/);
 * ```
 *
 * @throws {TypeError} If there is no error text, or the metadata is not JSON.
 */
export function toolFailure(error: string, metadata: JsonObject = EMPTY_OBJECT): ToolFailure {
  return failure(error, null, metadata);
}

/**
 * Reads a result from JSON, such as an entry of a message's `tool_results`. Go
 * peers leave out keys that are empty; they are filled in.
 *
 * @example
 * ```ts
 * import { toToolResult } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const { data, error, metadata } = toToolResult({ success: true, data: 5 });
 * assert.deepEqual([data, error, metadata], [5, null, {}]);
 * ```
 *
 * @throws {TypeError} If it is none: `success` is not a boolean, a failure has no error text, or
 * something in it is not JSON.
 */
export function toToolResult(value: unknown): ToolResult {
  if (typeof value !== "object" || value === null || !("success" in value)) {
    throw new TypeError(
      `Cannot read a tool result: expected an object with 'success', got ${describe(value)}`,
    );
  }
  const { success, data = null, error, metadata } = value as Record<string, Json | undefined>;
  if (typeof success !== "boolean") {
    throw new TypeError(
      `Cannot read a tool result: 'success' must be a boolean, got ${describe(success)}`,
    );
  }
  const extra = (metadata ?? EMPTY_OBJECT) as JsonObject;
  return success ? toolSuccess(data, extra) : failure(error, data, extra);
}

const KEYS: readonly string[] = ["success", "data", "error", "metadata"];

/**
 * Whether a value has the shape of a result: a boolean `success`, and no key
 * that a result has not. That way it is known wherever it was made.
 */
export function isToolResult(value: unknown): value is ToolResult {
  return typeof value === "object" && value !== null && Object.hasOwn(value, "success") &&
    typeof (value as ToolResult).success === "boolean" &&
    Object.keys(value).every((key) => KEYS.includes(key));
}

/** The same result with more metadata. */
export function withMetadata(result: ToolResult, extra: JsonObject): ToolResult {
  return Object.freeze({
    ...result,
    metadata: Object.freeze({ ...result.metadata, ...extra }),
  });
}

function failure(error: unknown, data: Json, metadata: JsonObject): ToolFailure {
  if (typeof error !== "string" || error === "") {
    throw new TypeError(
      "Failed ToolResult must have error message: expected a non-empty string, got " +
        describe(error),
    );
  }
  return Object.freeze({
    success: false,
    data: toJson(data, "data"),
    error,
    metadata: toJsonObject(metadata, "metadata"),
  });
}
