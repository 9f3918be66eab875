import { type ConnectionOptions, Http2Connection } from "./connection.ts";

/** The connection to a server that all calls share: opened with the first of them, and anew when it was lost. */
export class SharedConnection {
  readonly #origin: string;
  readonly #options: ConnectionOptions;
  #current: Promise<Http2Connection> | undefined;
  #ready: Http2Connection | undefined;

  constructor(origin: string, options: ConnectionOptions) {
    this.#origin = origin;
    this.#options = options;
  }

  /** The connection at hand, if it was opened and can be used. */
  get ready(): Http2Connection | undefined {
    return this.#ready?.usable ? this.#ready : undefined;
  }

  /** The connection at hand, or a new one; calls that come meanwhile share the attempt. */
  async get(): Promise<Http2Connection> {
    const current = this.#current;
    if (current !== undefined) {
      const connection = await current;
      if (connection.usable) return connection;
      // Another call may have noticed first.
      if (this.#current !== current) return await this.get();
    }
    const attempt = this.#current = Http2Connection.open(this.#origin, this.#options);
    try {
      return this.#ready = await attempt;
    } catch (error) {
      if (this.#current === attempt) this.#current = undefined;
      throw error;
    }
  }

  /** Closes the connection once the calls on it have ended. */
  async close(): Promise<void> {
    const connection = await this.#current?.catch(() => undefined);
    await connection?.close();
  }

  /** Cuts the connection; what runs on it fails with the error. */
  cut(error: Error): void {
    const current = this.#current;
    this.#current = undefined;
    current?.then((connection) => connection.destroy(error), () => {});
  }
}
