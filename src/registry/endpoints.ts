import { CalledEndpoint, type EndpointPolicy } from "./endpoint.ts";
import type { Entry } from "./entries.ts";

/** The most endpoints that are remembered after they were taken out, for their ejection. */
const MAX_REMEMBERED = 1000;

/** The endpoints of one name, with what is known of each. */
export class Endpoints {
  readonly #policy: EndpointPolicy;
  readonly #known = new Map<string, CalledEndpoint>();
  #entries: readonly Entry[] | undefined;
  #current: readonly CalledEndpoint[] = [];

  /** @param policy How each is called, and when not. */
  constructor(policy: EndpointPolicy) {
    this.#policy = policy;
  }

  /** Those that were registered when last looked. */
  get current(): readonly CalledEndpoint[] {
    return this.#current;
  }

  /** Those of the entries, which keep their clients and their health. */
  of(entries: readonly Entry[]): readonly CalledEndpoint[] {
    if (entries === this.#entries) return this.#current;
    this.#entries = entries;
    const before = new Set(this.#current);
    this.#current = entries.map(({ registration }) => {
      const key = JSON.stringify([registration.instance, registration.endpoint]);
      let endpoint = this.#known.get(key);
      if (endpoint === undefined) {
        this.#known.set(key, endpoint = new CalledEndpoint(registration, this.#policy));
      } else endpoint.renew(registration);
      before.delete(endpoint);
      return endpoint;
    });
    for (const endpoint of before) endpoint.leave();
    this.#forget();
    return this.#current;
  }

  /** Closes all connections at once. */
  async close(): Promise<void> {
    this.#entries = undefined;
    this.#current = [];
    const all = [...this.#known.values()];
    this.#known.clear();
    await Promise.all(all.map((one) => one.close()));
  }

  /** One that comes and goes must not come back as healthy each time. */
  #forget(): void {
    if (this.#known.size === this.#current.length) return;
    const current = new Set(this.#current);
    let spare = this.#known.size - current.size - MAX_REMEMBERED;
    for (const [key, endpoint] of this.#known) {
      if (current.has(endpoint)) continue;
      if (endpoint.state === "ejected" && spare-- <= 0) continue;
      this.#known.delete(key);
    }
  }
}
