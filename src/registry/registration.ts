import { describe, type JsonObject, toJsonObject } from "../core/json.ts";
import { refuseCredentials, shownUrl } from "../transport/url.ts";

/**
 * Which registration is meant: a name alone means its only usual instance,
 * `"default"`; an object also says which of several.
 */
export type AgentKey = string | { readonly name: string; readonly instance?: string | undefined };

/** The instance of a registration that names none. */
export const DEFAULT_INSTANCE = "default";

/** A name and an instance: what a registration is found by. */
export interface InstanceKey {
  /** The agent's name. */
  readonly name: string;
  /** Which of the agents of that name. */
  readonly instance: string;
}

/** What is told about an agent to register it. */
export interface RegistrationInit {
  /** What callers ask for. Never empty. */
  readonly name: string;
  /** The URL that it is called at, see `remoteAgent`. */
  readonly endpoint: string | URL;
  /**
   * Tells several endpoints of one name apart. A registration replaces the one
   * of the same name and instance: so without it, that of the same name.
   *
   * @default {"default"}
   */
  readonly instance?: string | undefined;
  /** What the agent can do. @default {[]} */
  readonly capabilities?: readonly string[] | undefined;
  /** Whatever callers want to know: a version, a zone. @default {{}} */
  readonly metadata?: JsonObject | undefined;
}

/** An agent at an endpoint, as it was registered. Frozen. */
export interface Registration extends InstanceKey {
  /** The URL that it is called at. */
  readonly endpoint: string;
  /** What the agent can do. */
  readonly capabilities: readonly string[];
  /** Whatever else was told. */
  readonly metadata: JsonObject;
  /** Tells it from earlier registrations of the same name and instance. */
  readonly id: string;
  /** When it was registered: RFC 3339, UTC. */
  readonly registeredAt: string;
  /** How long it is kept without a heartbeat, in milliseconds. */
  readonly timeoutMs: number;
}

/** A registration, and how it is. */
export interface RegisteredAgent extends Registration {
  /** When it last gave a sign of life: RFC 3339, UTC. */
  readonly lastHeartbeat: string;
  /** How long it will be kept without another heartbeat, in milliseconds. */
  readonly expiresInMs: number;
}

/** The longest name, instance or endpoint. They become keys of databases. */
const MAX_LENGTH = 1024;

/**
 * Checks what is to be registered.
 *
 * @throws {TypeError} If the name is empty, something is of a wrong kind, or the endpoint holds a
 * password, which all callers would see.
 */
export function checkRegistration(init: RegistrationInit): Omit<
  Registration,
  "id" | "registeredAt" | "timeoutMs"
> {
  if (typeof init !== "object" || init === null) {
    throw new TypeError(`Cannot register an agent: expected an object, got ${describe(init)}`);
  }
  const { name, instance } = keyOf(init);
  const endpoint = checkText(
    "endpoint",
    init.endpoint instanceof URL ? init.endpoint.href : init.endpoint,
  );
  if (!/^[a-z][a-z\d+.-]*:./i.test(endpoint) || !URL.canParse(endpoint)) {
    throw new TypeError(
      `Cannot register agent '${name}' as 'endpoint' must be a URL: current value is ${
        describe(shownUrl(endpoint))
      }`,
    );
  }
  refuseCredentials(`register agent '${name}'`, new URL(endpoint), "endpoint");
  const { capabilities = [], metadata = {} } = init;
  if (!Array.isArray(capabilities) || capabilities.some((item) => typeof item !== "string")) {
    throw new TypeError(
      `Cannot register agent '${name}' as 'capabilities' must be an array of strings: current ` +
        `value is ${describe(capabilities)}`,
    );
  }
  return {
    name,
    instance,
    endpoint,
    capabilities: Object.freeze([...capabilities]),
    metadata: toJsonObject(metadata, "metadata"),
  };
}

/**
 * The name and instance that are meant.
 *
 * @throws {TypeError} If the name is empty, or one is no string.
 */
export function keyOf(key: AgentKey): InstanceKey {
  if (typeof key !== "string" && (typeof key !== "object" || key === null)) {
    throw new TypeError(
      `Cannot find a registration: expected a name, or a name and an instance, got ${
        describe(key)
      }`,
    );
  }
  const { name, instance = DEFAULT_INSTANCE } = typeof key === "string" ? { name: key } : key;
  return { name: checkText("name", name), instance: checkText("instance", instance) };
}

function checkText(field: string, value: unknown): string {
  if (typeof value === "string" && value !== "" && value.length <= MAX_LENGTH) return value;
  throw new TypeError(
    value === ""
      ? `Cannot register an agent: its ${field} must not be empty`
      : `Cannot register an agent as '${field}' must be a string of 1 to ${MAX_LENGTH} ` +
        `characters: current value is ${describe(value)}`,
  );
}
