import { toJsonObject } from "../../core/json.ts";
import { checkRegistration, type InstanceKey, keyOf, type Registration } from "../registration.ts";
import type { StoreChange } from "../store.ts";

/** Names a registration in the index. */
export function memberOf({ name, instance }: InstanceKey): string {
  return JSON.stringify([name, instance]);
}

/** What a member of the index names; `undefined` for what nobody here has put there. */
export function readMember(member: unknown): InstanceKey | undefined {
  return attempt(() => {
    const [name, instance] = JSON.parse(String(member));
    return keyOf({ name, instance });
  });
}

/** The registration in a value; `undefined` for what nobody here has put there. */
export function readRegistration(value: unknown): Registration | undefined {
  return attempt(() => registrationOf(JSON.parse(String(value))));
}

/** Writes a change for those who listen. */
export function writeChange(
  change: { readonly put: Registration } | { readonly remove: InstanceKey },
): string {
  return JSON.stringify(change);
}

/** What a message on the channel tells; `undefined` for one that is not understood. */
export function readChange(message: string): StoreChange | undefined {
  return attempt(() => {
    const { put, remove } = JSON.parse(message);
    if (remove !== undefined) return { type: "remove", key: keyOf(remove) };
    const registration = registrationOf(put);
    return { type: "put", stored: { registration, expiresInMs: registration.timeoutMs } };
  });
}

function registrationOf(value: Record<string, unknown>): Registration {
  const { id, registeredAt, timeoutMs } = value;
  if (
    typeof id !== "string" || typeof registeredAt !== "string" || typeof timeoutMs !== "number" ||
    !(timeoutMs > 0)
  ) throw new TypeError("This is no registration");
  const init = checkRegistration({
    ...value as { name: string; endpoint: string },
    metadata: toJsonObject(value.metadata),
  });
  return Object.freeze({ ...init, id, registeredAt, timeoutMs });
}

/** What others have written into the same database is not understood, and left alone. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
