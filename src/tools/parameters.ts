import { describe, type Json, type JsonObject, toJsonObject } from "../core/json.ts";
import type { InferJsonSchema } from "./infer_json_schema.ts";
import { shortened } from "./json_schema/check.ts";
import { compileJsonSchema } from "./json_schema/compile.ts";
import { isStandardSchema, type StandardSchemaIssue } from "./standard_schema.ts";
import type { StandardSchemaV1 } from "./standard_schema.ts";

/** What describes the arguments of a tool: a schema of a library, or a JSON Schema. */
export type ToolParameters = StandardSchemaV1 | JsonObject;

/** The type of the arguments that parameters describe. */
export type ToolArguments<Parameters> = Parameters extends StandardSchemaV1<unknown, infer Output>
  ? Output
  : InferJsonSchema<Parameters>;

/** Arguments as a tool takes them, or what is wrong with them. */
export type Checked =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: string };

/** Parameters made ready for use. */
export interface PreparedParameters {
  /** The JSON Schema that a model needs. */
  readonly jsonSchema: JsonObject;
  /** Checks arguments, and turns them into what the tool takes. */
  check(args: JsonObject): Checked | Promise<Checked>;
}

/** A tool without parameters takes no arguments. */
const NOTHING: JsonObject = { type: "object", properties: {}, additionalProperties: false };

/**
 * Makes parameters ready for use.
 *
 * @param converter The JSON Schema of a library's schema, or what makes it.
 * @throws {TypeError} If they are not valid or have no JSON Schema.
 */
export function prepareParameters<P extends ToolParameters>(
  owner: string,
  parameters: P | undefined,
  converter: JsonObject | ((schema: P) => unknown) | undefined,
): PreparedParameters {
  if (isStandardSchema(parameters)) {
    const jsonSchema = objectSchema(owner, convert(owner, parameters, converter as never));
    return { jsonSchema, check: (args) => checkStandard(parameters, args) };
  }
  if (converter !== undefined) {
    throw new TypeError(
      `Cannot make ${owner}: 'jsonSchema' goes with the schema of a library; ` +
        "give a JSON Schema as 'parameters'",
    );
  }
  return prepareJsonSchema(owner, parameters === undefined ? NOTHING : parameters);
}

/** Makes a JSON Schema ready for use. */
export function prepareJsonSchema(owner: string, schema: unknown): PreparedParameters {
  const jsonSchema = objectSchema(owner, schema);
  const mismatch = compileJsonSchema(jsonSchema, owner);
  return {
    jsonSchema,
    check: (args) => {
      const error = mismatch(args);
      return error === undefined ? { ok: true, value: args } : { ok: false, error };
    },
  };
}

function objectSchema(owner: string, schema: unknown): JsonObject {
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) {
    throw new TypeError(
      `Cannot make ${owner}: 'parameters' must be a Standard Schema or a JSON Schema, got ${
        describe(schema)
      }`,
    );
  }
  const copy = toJsonObject(schema, "parameters");
  if (copy.type !== undefined && copy.type !== "object") {
    throw new TypeError(
      `Cannot make ${owner}: 'parameters' must describe an object, got the type ${
        describe(copy.type)
      }`,
    );
  }
  return copy;
}

function convert(
  owner: string,
  schema: StandardSchemaV1,
  converter: JsonObject | ((schema: StandardSchemaV1) => unknown) | undefined,
): unknown {
  if (typeof converter === "function") return converter(schema);
  if (converter !== undefined) return converter;
  const { jsonSchema, vendor } = schema["~standard"];
  if (typeof jsonSchema?.input === "function") return jsonSchema.input({ target: "draft-2020-12" });
  throw new TypeError(
    `Cannot make ${owner}: expected 'jsonSchema', the JSON Schema for a model or a function that ` +
      `makes it, as the schema of '${vendor}' does not make one itself`,
  );
}

function checkStandard(schema: StandardSchemaV1, args: JsonObject): Checked | Promise<Checked> {
  const result = schema["~standard"].validate(args);
  return result instanceof Promise ? result.then(toChecked) : toChecked(result);
}

function toChecked(
  result: Awaited<ReturnType<StandardSchemaV1["~standard"]["validate"]>>,
): Checked {
  if (result.issues === undefined) return { ok: true, value: result.value };
  const error = result.issues.slice(0, 10).map(issueText).join("; ");
  return { ok: false, error: error || "they do not fit the schema" };
}

function issueText({ message, path = [] }: StandardSchemaIssue): string {
  const keys = path.map((step) => String(typeof step === "object" ? step.key : step));
  const text = keys.length === 0 ? message : `${keys.join(".")}: ${message}`;
  return shortened(text, 500);
}

/** For tools that nobody described: any arguments fit. */
export const ANYTHING: PreparedParameters = {
  jsonSchema: { type: "object" } satisfies Json,
  check: (args) => ({ ok: true, value: args }),
};
