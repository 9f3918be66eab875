import { describe, type Json, type JsonObject } from "../../core/json.ts";
import {
  type Check,
  describeMismatch,
  isObject,
  type Keyword,
  mismatch,
  type Place,
} from "./check.ts";
import { LOGIC_KEYWORDS } from "./logic.ts";
import { PART_KEYWORDS } from "./parts.ts";
import { VALUE_KEYWORDS } from "./values.ts";

/** Cheap keywords come before those that go deeper. */
const KEYWORDS: ReadonlyMap<string, Keyword> = new Map([
  ...VALUE_KEYWORDS,
  ...PART_KEYWORDS,
  ...LOGIC_KEYWORDS,
]);

/** Keywords that say something about a value without restricting it, or help others. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  "$schema",
  "$comment",
  "$defs",
  "definitions",
  "then",
  "else",
  "title",
  "description",
  "default",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
  "format",
  "contentEncoding",
  "contentMediaType",
]);

/** How many schemas may be applied to one value: tens of milliseconds. */
const MAX_STEPS = 1_000_000;

/**
 * Makes the check of a JSON Schema, without `eval`, so that it runs where that
 * is forbidden. It knows the keywords of draft 2020-12 that tools use; any
 * other is refused here, so that nothing stays unchecked in silence. `format`
 * and other annotations do not restrict, as the standard says.
 *
 * @param schema The schema; frozen.
 * @param owner Whose it is, for error messages.
 * @returns Says what is wrong with a value, or nothing.
 * @throws {TypeError} If the schema is not valid or uses what is not known; names the place.
 */
export function compileJsonSchema(
  schema: JsonObject,
  owner: string,
): (value: Json) => string | undefined {
  const check = new Compiler(schema, owner).compile();
  return (value) => {
    const budget = { steps: MAX_STEPS };
    const found = check(value, budget);
    // No verdict counts once the budget is spent: `not` would turn it around.
    if (budget.steps <= 0) return "expected a value that is quicker to check";
    return found && describeMismatch(found);
  };
}

class Compiler {
  readonly #root: JsonObject;
  readonly #owner: string;
  /** The checks made so far, by JSON pointer. */
  readonly #checks = new Map<string, { check: Check | undefined }>();
  /** Which schemas a schema applies to the very same value. */
  readonly #edges = new Map<string, string[]>();

  constructor(root: JsonObject, owner: string) {
    this.#root = root;
    this.#owner = owner;
  }

  compile(): Check {
    const check = this.#at("#");
    this.#refuseLoops();
    return check;
  }

  #at(pointer: string): Check {
    const known = this.#checks.get(pointer);
    // A reference to a schema that is being made right now: its check is looked up later.
    if (known !== undefined) return known.check ?? ((value, budget) => known.check!(value, budget));
    const slot: { check: Check | undefined } = { check: undefined };
    this.#checks.set(pointer, slot);
    return slot.check = this.#make(pointer, this.#find(pointer));
  }

  #make(pointer: string, schema: Json | undefined): Check {
    if (schema === true) return () => undefined;
    if (schema === false) return (value) => mismatch(`expected nothing, got ${describe(value)}`);
    if (!isObject(schema)) {
      return this.#refuse(pointer, `expected a schema, got ${describe(schema)}`);
    }
    for (const key of Object.keys(schema)) this.#checkKey(pointer, key, schema);
    const place = this.#place(pointer, schema);
    const checks: Check[] = [];
    for (const [name, keyword] of KEYWORDS) {
      if (schema[name] !== undefined) checks.push(keyword(schema[name], place));
    }
    return (value, budget) => {
      if (--budget.steps <= 0) return mismatch("out of budget");
      for (const check of checks) {
        const found = check(value, budget);
        if (found !== undefined) return found;
      }
    };
  }

  #checkKey(pointer: string, key: string, schema: JsonObject): void {
    if (key === "$defs" || key === "definitions") {
      const group = schema[key];
      if (!isObject(group)) this.#refuse(pointer, `'${key}' must be an object`);
      for (const name of Object.keys(group as object)) this.#at(join(pointer, [key, name]));
    }
    if (KEYWORDS.has(key) || ANNOTATIONS.has(key) || key.startsWith("x-")) return;
    if (key === "$id" && pointer === "#") return;
    this.#refuse(pointer, `the keyword '${key}' is not supported`);
  }

  #place(pointer: string, schema: JsonObject): Place {
    return {
      schema,
      inner: (...keys) => this.#at(join(pointer, keys)),
      same: (...keys) => this.#same(pointer, join(pointer, keys)),
      reference: (target) => {
        if (target !== "#" && !target.startsWith("#/")) {
          this.#refuse(pointer, `'$ref' must begin with '#/', got ${describe(target)}`);
        }
        const normal = join("#", split(target));
        if (this.#find(normal) === undefined) {
          this.#refuse(pointer, `'$ref' leads nowhere: ${describe(target)}`);
        }
        return this.#same(pointer, normal);
      },
      refuse: (problem) => this.#refuse(pointer, problem),
    };
  }

  #same(from: string, to: string): Check {
    this.#edges.set(from, [...this.#edges.get(from) ?? [], to]);
    return this.#at(to);
  }

  #find(pointer: string): Json | undefined {
    let found: Json | undefined = this.#root;
    for (const key of split(pointer)) {
      found = typeof found === "object" && found !== null && Object.hasOwn(found, key)
        ? (found as JsonObject)[key]
        : undefined;
    }
    return found;
  }

  /** A schema that leads to itself without going into the value would never end. */
  #refuseLoops(): void {
    const done = new Set<string>();
    const visit = (pointer: string, path: ReadonlySet<string>) => {
      if (path.has(pointer)) this.#refuse(pointer, "the schema refers to itself in a circle");
      if (done.has(pointer)) return;
      for (const next of this.#edges.get(pointer) ?? []) visit(next, new Set([...path, pointer]));
      done.add(pointer);
    };
    for (const pointer of this.#edges.keys()) visit(pointer, new Set());
  }

  #refuse(pointer: string, problem: string): never {
    throw new TypeError(`Cannot use the JSON Schema of ${this.#owner}: ${pointer}: ${problem}`);
  }
}

/** RFC 6901, with the keys that were percent-encoded for a URI. */
function split(pointer: string): string[] {
  return pointer.split("/").slice(1)
    .map((key) => decode(key).replaceAll("~1", "/").replaceAll("~0", "~"));
}

function decode(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

function join(pointer: string, keys: readonly (string | number)[]): string {
  return [
    pointer,
    ...keys.map((key) =>
      String(key).replaceAll("~", "~0").replaceAll("/", "~1").replaceAll("%", "%25")
    ),
  ].join("/");
}
