import type { Json, JsonObject } from "../core/json.ts";

/**
 * The type of what a JSON Schema allows, as far as its literal tells: `type`,
 * `enum`, `const`, `properties` with `required`, `items`, `anyOf` and `oneOf`.
 * Anything else is {@linkcode Json}; a schema that is no literal allows any object.
 */
export type InferJsonSchema<S> = string extends keyof S ? JsonObject
  : S extends { readonly const: infer C } ? C
  : S extends { readonly enum: readonly (infer E)[] } ? E
  : S extends { readonly anyOf: readonly (infer B)[] } ? InferJsonSchema<B>
  : S extends { readonly oneOf: readonly (infer B)[] } ? InferJsonSchema<B>
  : S extends { readonly type: infer T } ? InferType<T extends readonly (infer U)[] ? U : T, S>
  : S extends { readonly properties: object } ? InferObject<S>
  : Json;

/** One branch of `type`. */
export type InferType<T, S> = T extends "string" ? string
  : T extends "number" | "integer" ? number
  : T extends "boolean" ? boolean
  : T extends "null" ? null
  : T extends "array"
    ? readonly (S extends { readonly items: infer I } ? InferJsonSchema<I> : Json)[]
  : T extends "object" ? InferObject<S>
  : Json;

/** The properties of an object; those that are not required may be missing. */
export type InferObject<S> = S extends { readonly properties: infer P } ?
    & { readonly [K in keyof P as K extends Required<S> ? K : never]: InferJsonSchema<P[K]> }
    & { readonly [K in keyof P as K extends Required<S> ? never : K]?: InferJsonSchema<P[K]> }
  : JsonObject;

/** The names that `required` lists. */
export type Required<S> = S extends { readonly required: readonly (infer R)[] } ? R : never;
