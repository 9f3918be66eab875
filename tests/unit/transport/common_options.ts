import assert from "node:assert/strict";

/**
 * Checks that a client checks the options that all have in common, at
 * construction and by name.
 *
 * @param action How its errors begin, such as `"call over HTTP"`.
 * @param make Makes the client, whose URL has the host or path that `host` says.
 */
export function checkCommonOptions(
  action: string,
  make: (options: never) => { readonly name?: string; readonly capabilities?: readonly string[] },
  host: string,
): void {
  const refused = (options: unknown, name: string, message: string) =>
    assert.throws(() => make(options as never), { name, message: `Cannot ${action}${message}` });
  const wrong = (options: Record<string, unknown>, rest: string, name = "TypeError") =>
    refused(options, name, ` as '${Object.keys(options)[0]}' must ${rest}`);

  refused(null, "TypeError", ": expected an object of options, got null");
  refused("x", "TypeError", ': expected an object of options, got "x"');
  wrong({ name: 5 }, "be a non-empty string: current value is 5");
  wrong({ name: "" }, 'be a non-empty string: current value is ""');
  wrong({ capabilities: "a" }, 'be an array of strings: current value is "a"');
  wrong({ capabilities: [1] }, "be an array of strings: current value is an array");
  wrong({ timeoutMs: "1" }, 'be a positive number or Infinity: current value is "1"');
  wrong({ timeoutMs: 0 }, "be a positive number or Infinity: current value is 0", "RangeError");
  wrong({ maxBytes: true }, "be a positive number or Infinity: current value is true");
  wrong({ maxBytes: NaN }, "be a positive number or Infinity: current value is NaN", "RangeError");
  wrong({ clock: {} }, "have the methods now, sleep, schedule: current value is an object");
  wrong({ clock: null }, "have the methods now, sleep, schedule: current value is null");

  const plain = make({} as never);
  assert.equal(plain.name, host);
  assert.deepEqual(plain.capabilities, []);
  const capabilities = ["a"];
  const named = make({ name: "mine", capabilities } as never);
  capabilities.push("b");
  assert.equal(named.name, "mine");
  assert.deepEqual(named.capabilities, ["a"]);
  assert.ok(Object.isFrozen(named.capabilities));
}
