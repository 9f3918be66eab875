// What the compiler knows of arguments. The assertions on types are checked by the type checker.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { z } from "zod";
import type { Json, JsonObject } from "../../../src/core/mod.ts";
import { type InferJsonSchema, type StandardSchemaV1, tool } from "../../../src/tools/mod.ts";
import { toolSuccess } from "../../../src/tools/mod.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;
type Flat<T> = { [K in keyof T]: T[K] };

function holds<_ extends true>(): void {}

test("tool() knows the type of arguments from a JSON Schema", async () => {
  const made = tool({
    name: "t",
    description: "",
    parameters: {
      type: "object",
      properties: {
        text: { type: "string" },
        count: { type: "integer" },
        kind: { enum: ["a", "b"] },
        tags: { type: "array", items: { type: "string" } },
        place: {
          type: "object",
          properties: { lat: { type: "number" } },
          required: ["lat"],
        },
        maybe: { type: ["number", "null"] },
        either: { anyOf: [{ type: "string" }, { type: "boolean" }] },
        fixed: { const: 7 },
        free: {},
      },
      required: ["text", "kind", "tags", "place"],
    },
    execute: (args) => {
      holds<Same<typeof args.text, string>>();
      holds<Same<typeof args.count, number | undefined>>();
      holds<Same<typeof args.kind, "a" | "b">>();
      holds<Same<typeof args.tags, readonly string[]>>();
      holds<Same<typeof args.place.lat, number>>();
      holds<Same<typeof args.maybe, number | null | undefined>>();
      holds<Same<typeof args.either, string | boolean | undefined>>();
      holds<Same<typeof args.fixed, 7 | undefined>>();
      holds<Same<typeof args.free, Json | undefined>>();
      // @ts-expect-error: there is no such property
      void args.other;
      return args.text.length + args.tags.length;
    },
  });
  const args = { text: "abc", kind: "a", tags: ["x"], place: { lat: 1 } };
  assert.deepEqual(await made.execute(args), toolSuccess(4));
});

test("tool() knows nothing but JSON of arguments whose schema is no literal", () => {
  const parameters: JsonObject = { type: "object" };
  tool({
    name: "t",
    description: "",
    parameters,
    execute: (args) => {
      holds<Same<typeof args, JsonObject>>();
      return args.anything;
    },
  });
  tool({
    name: "t",
    description: "",
    execute: (args) => holds<Same<typeof args, JsonObject>>(),
  });
});

test("tool() refuses what is no answer when it is compiled", () => {
  // @ts-expect-error: a Date is not JSON
  tool({ name: "t", description: "", execute: () => new Date() });
  // @ts-expect-error: a function is not JSON
  tool({ name: "t", description: "", execute: () => () => 1 });
});

test("InferJsonSchema follows a schema to its leaves", () => {
  holds<Same<InferJsonSchema<{ type: "null" }>, null>>();
  holds<Same<InferJsonSchema<{ type: "array" }>, readonly Json[]>>();
  holds<Same<InferJsonSchema<{ oneOf: [{ const: 1 }, { enum: ["x"] }] }>, 1 | "x">>();
  holds<Same<InferJsonSchema<{ type: "object" }>, JsonObject>>();
  holds<Same<InferJsonSchema<{ minimum: 1 }>, Json>>();
  holds<
    Same<
      Flat<InferJsonSchema<{ properties: { a: { type: "string" } } }>>,
      { readonly a?: string }
    >
  >();
});

test("tool() takes a schema of Zod: types, checks and the JSON Schema", async () => {
  const made = tool({
    name: "weather",
    description: "Tells the weather",
    parameters: z.object({
      city: z.string().min(1).describe("Where"),
      days: z.int().max(7).default(1),
      at: z.string().transform((at) => new Date(at)).optional(),
    }),
    jsonSchema: (schema) => z.toJSONSchema(schema, { io: "input" }),
    execute: ({ city, days, at }) => {
      holds<Same<typeof city, string>>();
      holds<Same<typeof days, number>>();
      holds<Same<typeof at, Date | undefined>>();
      return `${city} for ${days} from ${at?.getUTCFullYear()}`;
    },
  });
  assert.deepEqual(
    await made.execute({ city: "Bergen", at: "2026-05-17" }),
    toolSuccess("Bergen for 1 from 2026"),
  );
  assert.match(
    (await made.execute({ city: "", days: 9 })).error!,
    /^Invalid arguments for tool 'weather': city: .+; days: .+/,
  );
  assert.equal((made.parameters!.properties as JsonObject).city !== undefined, true);
  assert.deepEqual(made.parameters!.required, ["city"]);
  assert.ok(Object.isFrozen(made.parameters!.properties));
});

test("tool() derives the JSON Schema where the library makes it", () => {
  const made = tool({
    name: "t",
    description: "",
    parameters: z.object({ city: z.string().describe("Where"), days: z.number().default(1) }),
    execute: () => {},
  });
  const { properties, required } = made.parameters as Record<string, JsonObject>;
  assert.deepEqual(properties, {
    city: { type: "string", description: "Where" },
    days: { type: "number", default: 1 },
  });
  assert.deepEqual(required, ["city"], "what goes in, not what comes out");
});

test("tool() takes a schema of Valibot with the JSON Schema beside it", async () => {
  const parameters = v.object({ email: v.pipe(v.string(), v.email()), n: v.optional(v.number()) });
  const made = tool({
    name: "t",
    description: "",
    parameters,
    jsonSchema: { type: "object", properties: { email: { type: "string" } } },
    execute: ({ email, n }) => {
      holds<Same<typeof email, string>>();
      holds<Same<typeof n, number | undefined>>();
      return email;
    },
  });
  assert.deepEqual(await made.execute({ email: "a@example.org" }), toolSuccess("a@example.org"));
  assert.match(
    (await made.execute({ email: "nobody" })).error!,
    /^Invalid .*: email: Invalid email/,
  );
  assert.deepEqual(made.parameters!.properties, { email: { type: "string" } });
  assert.throws(
    () => tool({ name: "t", description: "", parameters, execute: () => {} }),
    /^TypeError: Cannot make tool 't': expected 'jsonSchema', .* as the schema of 'valibot' does not/,
  );
});

test("tool() waits for a schema that checks asynchronously", async () => {
  const made = tool({
    name: "t",
    description: "",
    parameters: z.object({ id: z.string().refine((id) => Promise.resolve(id === "known")) }),
    execute: ({ id }) => id,
  });
  assert.deepEqual(await made.execute({ id: "known" }), toolSuccess("known"));
  assert.match(
    (await made.execute({ id: "unknown" })).error!,
    /^Invalid arguments for tool 't': id/,
  );
});

test("tool() fails, and no more, when a schema throws while it checks", async () => {
  const parameters: StandardSchemaV1<unknown, { a: number }> = {
    "~standard": {
      version: 1,
      vendor: "home-made",
      validate: () => {
        throw new Error("secret");
      },
    },
  };
  const made = tool({
    name: "t",
    description: "",
    parameters,
    jsonSchema: { type: "object" },
    execute: ({ a }) => a,
  });
  assert.equal((await made.execute({})).error, "Tool 't' failed");
});

test("tool() keeps what a schema says about arguments short", async () => {
  const parameters: StandardSchemaV1 = {
    "~standard": {
      version: 1,
      vendor: "home-made",
      validate: () => ({
        issues: Array.from({ length: 1000 }, () => ({
          message: "x".repeat(1000),
          path: [{ key: "deep" }, 0],
        })),
      }),
    },
  };
  const made = tool({
    name: "t",
    description: "",
    parameters,
    jsonSchema: { type: "object" },
    execute: () => {},
  });
  const { error } = await made.execute({});
  assert.match(error!, /^Invalid arguments for tool 't': deep\.0: xxx/);
  assert.ok(error!.length < 6000);
});
