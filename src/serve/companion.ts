/** A listener besides the one for HTTP: it lives and ends with it. */
export interface Companion {
  /** Where clients find it. */
  readonly url: string;
  /** How many calls and streams run. */
  readonly inFlight: number;
  /** Takes no new calls, lets those that run end, and closes. */
  drain(): Promise<void>;
  /** Closes at once and cuts what runs. */
  close(): Promise<void>;
}

/** Listeners that are started one after the other and end together. */
export class Companions {
  readonly #all: Companion[] = [];

  /** Where clients find them, in the order they were started. */
  get urls(): readonly string[] {
    return this.#all.map(({ url }) => url);
  }

  /** How many calls and streams run on all. */
  get inFlight(): number {
    return this.#all.reduce((sum, { inFlight }) => sum + inFlight, 0);
  }

  /** Takes one in once it listens; should it fail to, closes the others and rejects. */
  async add(starting: Companion | Promise<Companion>): Promise<void> {
    try {
      this.#all.push(await starting);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Drains all. */
  async drain(): Promise<void> {
    await Promise.all(this.#all.map((companion) => companion.drain()));
  }

  /** Closes all. */
  async close(): Promise<void> {
    await Promise.all(this.#all.map((companion) => companion.close()));
  }
}
