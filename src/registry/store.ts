import type { InstanceKey, Registration } from "./registration.ts";

/** A registration in a store, and how long it will stay there. */
export interface StoredRegistration {
  /** What was registered. */
  readonly registration: Registration;
  /** How long it is kept without another heartbeat, in milliseconds. */
  readonly expiresInMs: number;
}

/** What a store tells those who watch it. */
export type StoreChange =
  /** Something was registered; what had the same name and instance is replaced. */
  | { readonly type: "put"; readonly stored: StoredRegistration }
  /** Something was taken out. What expires is not told. */
  | { readonly type: "remove"; readonly key: InstanceKey }
  /** Changes may be missed from now on. */
  | { readonly type: "lost"; readonly error: unknown }
  /** Changes are told again; those before were missed. */
  | { readonly type: "restored" };

/**
 * Where registrations are kept. Several registries, also of different
 * processes, that have the same store see the same agents.
 *
 * A registration is kept until its `timeoutMs` has passed since it was put or
 * last touched, by the store's own time. What has expired is not listed.
 * Methods reject when the store cannot be reached; they need no time limit of
 * their own.
 */
export interface RegistryStore {
  /** Keeps a registration, in place of one of the same name and instance. */
  put(registration: Registration): Promise<void>;
  /** Lets it be kept for another `timeoutMs`; `false` if there is none. */
  touch(key: InstanceKey, timeoutMs: number): Promise<boolean>;
  /** Takes one out; `false` if there was none. */
  remove(key: InstanceKey): Promise<boolean>;
  /** All that are kept, or those of one name; in any order. */
  list(name?: string): Promise<readonly StoredRegistration[]>;
  /** Forgets what has expired, and tells what that was. */
  prune(): Promise<readonly InstanceKey[]>;
  /**
   * Tells of changes until the function it resolves to is called. Those that
   * this process makes are told, too.
   */
  watch(listener: (change: StoreChange) => void): Promise<() => Promise<void>>;
  /** Lets go of connections. */
  close?(): Promise<void>;
}
