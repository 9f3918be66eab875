import { deadline } from "../core/deadline.ts";
import { AgenkitError, codeOf, TimeoutError } from "../core/errors.ts";
import { textOf } from "./error_text.ts";
import type { RegistryPolicy } from "./options.ts";

/**
 * Asks a store, within its time.
 *
 * @param what It is asked to do, for the error's text.
 * @throws {AgenkitError} What the store fails with, as `unavailable` if it has no code or is late.
 */
export async function askStore<T>(
  question: () => Promise<T>,
  what: string,
  { clock, storeTimeoutMs }: RegistryPolicy,
): Promise<T> {
  try {
    const answer = question();
    return await (Number.isFinite(storeTimeoutMs)
      ? deadline(answer, storeTimeoutMs, { clock })
      : answer);
  } catch (cause) {
    if (codeOf(cause) !== undefined && !(cause instanceof TimeoutError)) throw cause;
    throw new AgenkitError("unavailable", `Cannot ${what}: ${textOf(cause)}`, { cause });
  }
}
