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
  : S extends { readonly type: readonly (infer T)[] } ? InferJsonSchema<
      T extends string ? Omit<S, "type"> & { readonly type: T } : never
    >
  : S extends { readonly type: "string" } ? string
  : S extends { readonly type: "number" | "integer" } ? number
  : S extends { readonly type: "boolean" } ? boolean
  : S extends { readonly type: "null" } ? null
  : S extends { readonly type: "array" }
    ? readonly (S extends { readonly items: infer I } ? InferJsonSchema<I> : Json)[]
  : S extends { readonly properties: infer P } ?
      & {
        readonly [
          K in keyof P as S extends { readonly required: readonly (infer R)[] }
            ? (K extends R ? K : never)
            : never
        ]: InferJsonSchema<P[K]>;
      }
      & {
        readonly [
          K in keyof P as S extends { readonly required: readonly (infer R)[] }
            ? (K extends R ? never : K)
            : K
        ]?: InferJsonSchema<P[K]>;
      }
  : S extends { readonly type: "object" } ? JsonObject
  : Json;
