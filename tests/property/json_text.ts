/**
 * A text that is the same exactly for equal JSON, whatever the order of keys.
 * For comparing values whose keys may be the names of methods, which
 * `assert.deepEqual` of workerd would call.
 */
export function jsonText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jsonText).join()}]`;
  if (typeof value !== "object" || value === null) {
    return Object.is(value, -0) ? "-0" : String(JSON.stringify(value));
  }
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${jsonText(item)}`).join()}}`;
}
