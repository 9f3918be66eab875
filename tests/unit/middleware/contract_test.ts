import { test } from "node:test";
import { RULES } from "./contract.ts";
import { Stack } from "./contract_stack.ts";
import { FACTORIES } from "./factories.ts";

for (const factory of FACTORIES) {
  for (const rule of RULES) {
    test(`${factory.name}() contract: ${rule.name}`, async () => {
      await rule.check(new Stack([factory]));
    });
  }
}

for (const outer of FACTORIES) {
  for (const rule of RULES) {
    test(`${outer.name}() around every other middleware: ${rule.name}`, async () => {
      for (const inner of FACTORIES) {
        try {
          await rule.check(new Stack([outer, inner]));
        } catch (error) {
          throw new Error(`${outer.name} around ${inner.name}`, { cause: error });
        }
      }
    });
  }
}
