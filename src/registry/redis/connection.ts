import { createClient } from "@redis/client";
import { AgenkitError } from "../../core/errors.ts";

/** What {@linkcode Connection} connects with, as the client takes it. */
export type ClientOptions = NonNullable<Parameters<typeof createClient>[0]>;

type Client = ReturnType<typeof createClient>;

/** The first and the longest pause between attempts to connect, in milliseconds. */
const RETRY_MS = 100;
const MAX_RETRY_MS = 3_000;

/** A connection that is asked nothing and says nothing for so long is dead, in milliseconds. */
const PING_MS = 20_000;
const SILENCE_MS = 60_000;

/** What becomes of a connection. */
export interface ConnectionEvents {
  /** It was lost, or could not be made. Told once until it is back. */
  onLost?(error: unknown): void;
  /** It is there again, subscriptions included. */
  onRestored?(): void;
}

/**
 * A connection to Redis that is made when first used and made anew when lost.
 * While there is none, questions fail at once with the reason: whoever asks has
 * something better to do than to wait.
 */
export class Connection {
  readonly #client: Client;
  readonly #events: ConnectionEvents;
  #connecting: Promise<unknown> | undefined;
  #error: unknown;
  #lost = false;
  #closed = false;
  #waiting: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];

  /** @param random Spreads the attempts of many processes: numbers from 0, below 1. */
  constructor(options: ClientOptions, random: () => number, events: ConnectionEvents = {}) {
    this.#events = events;
    this.#client = createClient({
      ...options,
      disableOfflineQueue: true,
      pingInterval: PING_MS,
      socket: {
        ...options.socket as Record<string, unknown>,
        connectTimeout: 5_000,
        socketTimeout: SILENCE_MS,
        reconnectStrategy: (retries: number) =>
          Math.min(RETRY_MS * 2 ** Math.min(retries, 20), MAX_RETRY_MS) * (0.5 + random() / 2),
      } as NonNullable<ClientOptions["socket"]>,
    });
    // Without a listener an error would end the process.
    this.#client.on("error", (error) => this.#failed(error));
    this.#client.on("ready", () => this.#isReady());
  }

  /** The client, once it is connected. Rejects with the reason when it is not. */
  async client(): Promise<Client> {
    if (this.#closed) throw new AgenkitError("failed_precondition", "The store was closed");
    if (this.#client.isReady) return this.#client;
    if (this.#connecting === undefined) {
      // What it fails with is told by the event.
      this.#connecting = this.#client.connect().catch(() => {});
    } else if (this.#error !== undefined) throw this.#error;
    await new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    return this.#client;
  }

  /** Ends it, also while it is being made. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const closed = new AgenkitError("failed_precondition", "The store was closed");
    for (const { reject } of this.#waiting.splice(0)) reject(closed);
    if (this.#connecting === undefined) return;
    this.#client.destroy();
  }

  #isReady(): void {
    this.#error = undefined;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
    if (!this.#lost) return;
    this.#lost = false;
    this.#events.onRestored?.();
  }

  #failed(error: unknown): void {
    if (this.#closed) return;
    this.#error = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    if (this.#lost) return;
    this.#lost = true;
    this.#events.onLost?.(error);
  }
}
