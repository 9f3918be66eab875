import type { Agent } from "../core/agent.ts";
import type { Clock } from "../core/clock.ts";
import type { Registration } from "./registration.ts";

/** Whether an endpoint is called: `probation` lets one call at a time through, to see. */
export type EndpointState = "healthy" | "ejected" | "probation";

/** One of the endpoints of a name, as a `Balancer` sees it. */
export interface Endpoint {
  /** What was registered. */
  readonly registration: Registration;
  /** How many calls of this process run there. */
  readonly inFlight: number;
  /** How many calls have failed in a row. */
  readonly failures: number;
  /** Whether it is called. */
  readonly state: EndpointState;
}

/** An agent that may hold connections. */
export type EndpointClient = Agent & { close?(): Promise<void> | void };

/** When an endpoint is not called for a while, and how it is called. */
export interface EndpointPolicy {
  readonly ejectAfter: number;
  readonly ejectMs: number;
  readonly maxEjectMs: number;
  readonly clock: Clock;
  connect(registration: Registration): EndpointClient;
}

/**
 * An endpoint, its client, and its health. One that fails several times in a
 * row is left alone for a while, and for twice as long each time it fails
 * again; no timer runs for that.
 */
export class CalledEndpoint implements Endpoint {
  registration: Registration;
  inFlight = 0;
  failures = 0;
  readonly #policy: EndpointPolicy;
  #client: EndpointClient | undefined;
  #ejectedUntil = Number.NEGATIVE_INFINITY;
  #ejections = 0;
  #gone = false;

  /** @param policy When it is not called for a while. */
  constructor(registration: Registration, policy: EndpointPolicy) {
    this.registration = registration;
    this.#policy = policy;
  }

  get state(): EndpointState {
    if (this.#policy.clock.now() < this.#ejectedUntil) return "ejected";
    return this.failures < this.#policy.ejectAfter ? "healthy" : "probation";
  }

  /** Whether it may be called now. */
  get available(): boolean {
    // The usual case asks no clock.
    if (this.failures < this.#policy.ejectAfter) return true;
    return this.inFlight === 0 && this.state === "probation";
  }

  /** The agent that calls it; made when first needed. */
  get client(): EndpointClient {
    return this.#client ??= this.#policy.connect(this.registration);
  }

  /** A call begins. */
  begin(): void {
    this.inFlight++;
  }

  /** A call has ended, however. */
  end(): void {
    this.inFlight--;
    if (this.#gone && this.inFlight === 0) this.#disconnect();
  }

  /** It answered: with an answer, or an error that is the agent's own. */
  answered(): void {
    this.failures = 0;
    this.#ejections = 0;
  }

  /** It did not answer. */
  failed(): void {
    const { ejectAfter, ejectMs, maxEjectMs, clock } = this.#policy;
    this.failures++;
    const now = clock.now();
    // Of many that fail together only the first counts.
    if (this.failures < ejectAfter || now < this.#ejectedUntil) return;
    this.#ejectedUntil = now + Math.min(ejectMs * 2 ** this.#ejections++, maxEjectMs);
  }

  /** It is registered, perhaps again, and perhaps with other metadata. */
  renew(registration: Registration): void {
    this.registration = registration;
    this.#gone = false;
  }

  /** It is no longer registered: calls that run may end, then its connections are closed. */
  leave(): void {
    this.#gone = true;
    if (this.inFlight === 0) this.#disconnect();
  }

  /** Closes its connections at once. */
  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.close?.();
  }

  #disconnect(): void {
    this.close().catch(() => {});
  }
}
