import type { Clock } from "../../core/clock.ts";
import type { ContextValues } from "../../core/context.ts";
import type { AgenkitError } from "../../core/errors.ts";
import {
  checkBoolean,
  checkClock,
  checkFunction,
  checkLimit,
  checkOptions,
} from "../../core/options.ts";
import { checkContentMode, type ContentMode } from "../../protocol/encode.ts";
import { MAX_MESSAGE_BYTES } from "../../protocol/limits.ts";
import { Admission, DRAINING } from "../admission.ts";
import { AgentDirectory, type Agents } from "../directory.ts";
import type { Channel } from "./channel.ts";
import { Connection } from "./connection.ts";

/** What servers over channels have in common. */
export interface ChannelServerOptions {
  /** Which agent answers when a client names none. Default: the first. */
  readonly defaultAgent?: string | undefined;
  /** The most bytes of a request, an answer or a chunk. @default {10485760} */
  readonly maxBytes?: number | undefined;
  /**
   * The longest time an agent may take, in milliseconds: the cap of what
   * clients ask for, and what holds when they ask for nothing. @default {600000}
   */
  readonly maxTimeoutMs?: number | undefined;
  /** How many calls may run at once; more are refused with `unavailable`. @default {1000} */
  readonly maxInFlight?: number | undefined;
  /**
   * How many requests of one connection may wait for the one before them; more
   * are not read until there is room. @default {16}
   */
  readonly maxQueued?: number | undefined;
  /** How long a connection may be without a call, in milliseconds, before it is closed. @default {60000} */
  readonly idleTimeoutMs?: number | undefined;
  /** How long a client may take to accept one envelope, in milliseconds, before it is dropped. @default {30000} */
  readonly sendTimeoutMs?: number | undefined;
  /** Whether tool calls in the metadata of requests reach the agents. @default {false} */
  readonly trustToolCalls?: boolean | undefined;
  /** How content that is no string is written; `"json"` only if no client is in Go. @default {"text"} */
  readonly content?: ContentMode | undefined;
  /** The text that clients get of an agent's failure. Default: the error's message, never its stack. */
  readonly errorText?: ((error: AgenkitError) => string) | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/** The options of a {@linkcode ChannelServer}, checked and filled in. */
export interface ChannelSettings {
  readonly directory: AgentDirectory;
  readonly maxBytes: number;
  readonly maxTimeoutMs: number;
  readonly maxInFlight: number;
  readonly maxQueued: number;
  readonly idleTimeoutMs: number;
  readonly sendTimeoutMs: number;
  readonly trustToolCalls: boolean;
  readonly content: ContentMode | undefined;
  readonly errorText: ((error: AgenkitError) => string) | undefined;
  readonly clock: Clock;
}

/** One connection of a {@linkcode ChannelServer}. */
export interface ServedConnection {
  /** Answers requests until the peer or the server ends it. Never rejects. */
  run(): Promise<void>;
  /** Closes now if nothing runs, else when it has ended. */
  drain(): void;
  /** Closes at once; what runs is aborted. */
  close(code: number, reason: string): void;
}

/** Makes the side of the server of a connection. */
export type MakeConnection = (
  channel: Channel,
  server: ChannelServer,
  values: ContextValues | undefined,
) => ServedConnection;

const oneCallAtATime: MakeConnection = (channel, server, values) =>
  new Connection(channel, server, values);

/**
 * Serves agents over channels as Python and Go peers expect it: on each
 * connection one request at a time, in the order they came, and a stream has
 * the connection to itself until it ends. A peer that leaves aborts what runs
 * for it.
 */
export class ChannelServer {
  /** The options, filled in. */
  readonly settings: ChannelSettings;
  readonly #connections = new Set<ServedConnection>();
  readonly #empty: (() => void)[] = [];
  readonly #admission: Admission;

  /**
   * Makes a server that has no connections yet.
   *
   * @param action What cannot be done, such as `"serve over TCP"`; begins the errors' text.
   * @throws {TypeError} If there is no agent, or an option is not valid.
   * @throws {RangeError} If a limit is not positive.
   */
  constructor(agents: Agents, options: ChannelServerOptions = {}, action: string = "serve") {
    const limit = (name: keyof ChannelServerOptions, otherwise: number) =>
      checkLimit(action, name, (options[name] ?? otherwise) as number);
    checkOptions(action, options);
    checkFunction(action, "errorText", options.errorText);
    checkBoolean(action, "trustToolCalls", options.trustToolCalls);
    checkContentMode(action, options.content);
    this.settings = {
      directory: new AgentDirectory(agents, options.defaultAgent),
      maxBytes: limit("maxBytes", MAX_MESSAGE_BYTES),
      maxTimeoutMs: limit("maxTimeoutMs", 600_000),
      maxInFlight: limit("maxInFlight", 1000),
      maxQueued: limit("maxQueued", 16),
      idleTimeoutMs: limit("idleTimeoutMs", 60_000),
      sendTimeoutMs: limit("sendTimeoutMs", 30_000),
      trustToolCalls: options.trustToolCalls ?? false,
      content: options.content,
      errorText: options.errorText,
      clock: checkClock(action, options.clock),
    };
    this.#admission = new Admission(this.settings.maxInFlight);
  }

  /** How many calls and streams run. */
  get inFlight(): number {
    return this.#admission.inFlight;
  }

  /** How many connections are served. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Whether new calls are refused. */
  get draining(): boolean {
    return this.#admission.draining;
  }

  /**
   * Serves a connection and closes it in the end. Resolves when it is done
   * with, and never rejects: what goes wrong on one connection is its own affair.
   *
   * @param values What the agents find in `call.values`.
   * @param make Makes the connection, where it does not speak the peers' wire.
   */
  async serve(
    channel: Channel,
    values?: ContextValues,
    make: MakeConnection = oneCallAtATime,
  ): Promise<void> {
    if (this.draining) return channel.close(1001, DRAINING);
    const connection = make(channel, this, values);
    this.#connections.add(connection);
    try {
      await connection.run();
    } finally {
      this.#connections.delete(connection);
      if (this.#connections.size === 0) { for (const resolve of this.#empty.splice(0)) resolve(); }
    }
  }

  /**
   * Counts a call that is to run.
   *
   * @throws {AgenkitError} `unavailable`, if there are too many or the server drains.
   */
  admit(): void {
    this.#admission.admit();
  }

  /** Counts a call that has ended. */
  release(): void {
    this.#admission.release();
  }

  /** Takes no new calls, closes connections as soon as their call has ended, and resolves with the last. */
  drain(): Promise<void> {
    this.#admission.refuse();
    for (const connection of this.#connections) connection.drain();
    return this.#ended();
  }

  /** Cuts all connections and aborts what runs. Resolves when none is left. */
  close(): Promise<void> {
    this.#admission.refuse();
    for (const connection of this.#connections) connection.close(1001, DRAINING);
    return this.#ended();
  }

  #ended(): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#empty.push(resolve));
  }
}
