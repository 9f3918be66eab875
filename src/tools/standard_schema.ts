/**
 * What a schema library offers so that others can validate with it: the
 * interface of [Standard Schema](https://standardschema.dev), version 1, which
 * Zod, Valibot, ArkType and others implement. Only what is needed here.
 */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  /** The members of the standard. */
  readonly "~standard": StandardSchemaProps<Input, Output>;
}

/** The members of a {@linkcode StandardSchemaV1}. */
export interface StandardSchemaProps<Input = unknown, Output = Input> {
  /** The version of the standard. */
  readonly version: 1;
  /** The library's name. */
  readonly vendor: string;
  /** Checks a value; gives what it was turned into, or what is wrong with it. */
  readonly validate: (
    value: unknown,
  ) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>;
  /** Carries the types; never there at run time. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  /** Makes the JSON Schema of what goes in, where the library can. */
  readonly jsonSchema?: {
    readonly input: (options: { readonly target: string }) => Record<string, unknown>;
  } | undefined;
}

/** What validating gave: a value without issues, or issues. */
export type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaIssue[] };

/** One thing that is wrong with a value. */
export interface StandardSchemaIssue {
  /** What is wrong. */
  readonly message: string;
  /** Where: the keys from the top to it. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Whether a value is a schema of a library that follows the standard. */
export function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  // ArkType's schemas are functions.
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  const props = (value as Partial<StandardSchemaV1>)["~standard"];
  return typeof props === "object" && props !== null && typeof props.validate === "function";
}
