/**
 * A calculator for a model: a parser that calculates, with limits. No `eval`,
 * no `Function`, and nothing that an expression says becomes code.
 *
 * @module
 */
import { type Tool, tool } from "@agenkit/agenkit";
import { demo } from "./lib/demo.ts";
import { evaluate, type ExpressionLimits } from "./lib/expression/evaluate.ts";
import { CONSTANTS, FUNCTIONS } from "./lib/expression/functions.ts";

/** Makes the tool. */
export function calculator(limits: ExpressionLimits = {}): Tool {
  return tool({
    name: "calculator",
    description:
      `Calculates an expression of numbers with + - * / // % ** and brackets. Functions: ${
        [...FUNCTIONS.keys()].join(", ")
      }. Constants: ${[...CONSTANTS.keys()].join(", ")}.`,
    parameters: {
      type: "object",
      properties: {
        expression: { type: "string", maxLength: limits.maxLength ?? 500 },
      },
      required: ["expression"],
      additionalProperties: false,
    },
    // Plus 0, since a model has no use for a negative zero.
    execute: ({ expression }) => ({ result: evaluate(expression, limits) + 0 }),
  });
}

if (import.meta.main) {
  await demo(calculator(), [
    ["What people ask for", { expression: "(19.5 + 2 * 0.25) * 3" }],
    ["Functions and constants", { expression: "round(sqrt(2) * pi ** 2)" }],
    ["A mistake is reported with its place", { expression: "2 + * 3" }],
    ["Code is not an expression", { expression: "().__class__.__base__" }],
    ["A tower of powers costs nothing", { expression: "9**9**9" }],
  ]);
}
