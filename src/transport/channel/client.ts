import type { StreamingAgent } from "../../core/agent.ts";
import type { CallOptions } from "../../core/call.ts";
import type { Clock } from "../../core/clock.ts";
import type { Message } from "../../core/message.ts";
import { checkBoolean, checkFunction, checkLimit, checkNumber } from "../../core/options.ts";
import { throwIfAborted } from "../../core/signals.ts";
import { checkContentMode, type ContentMode, encodeRequest } from "../../protocol/encode.ts";
import { messageOf } from "../answer.ts";
import { checkClientOptions, type ClientOptions } from "../client_options.ts";
import { Exchange } from "../exchange.ts";
import { Attempt } from "./attempt.ts";
import type { Channel, ChannelSource } from "./channel.ts";
import { idempotentKey } from "./idempotent.ts";
import { ChannelPool, type PoolLimits } from "./pool.ts";
import { type Connect, type ReconnectOptions, withReconnect } from "./reconnect.ts";

/** Options that the clients of all connections have in common. */
export interface ChannelAgentOptions extends ClientOptions {
  /** How content that is no string is written; `"json"` for Python agents that expect objects. @default {"text"} */
  readonly content?: ContentMode | undefined;
  /** How many connections there may be, each of which carries one call at a time. @default {16} */
  readonly maxConnections?: number | undefined;
  /** How many calls may wait for a connection; more are refused. @default {1000} */
  readonly maxQueue?: number | undefined;
  /** How long a connection that nobody uses is kept, in milliseconds. @default {60000} */
  readonly idleMs?: number | undefined;
  /** How a connection that cannot be made is tried again. */
  readonly reconnect?: ReconnectOptions | undefined;
  /**
   * Whether the agent may be asked twice: then a call whose connection is lost
   * before the first word of the answer is sent once more. A call may say so
   * itself, by `idempotentKey`. @default {false}
   */
  readonly idempotent?: boolean | undefined;
  /** Spreads the waits between attempts to connect. @default {Math.random} */
  readonly random?: (() => number) | undefined;
}

/** What a {@linkcode ChannelAgent} is made from. */
export interface ChannelAgentInit {
  /** Begins the text of errors about options, such as `"call over WebSocket"`. */
  readonly action: string;
  /** The name where the options give none. */
  readonly fallbackName: string;
  /** Names the server in errors. */
  readonly url: string;
  /** Makes one connection, once; within the signal. Calls share a pool of such connections. */
  readonly connect?: Connect<Channel>;
  /** Makes something else that gives calls their connections, in place of that pool. */
  readonly source?: (setup: SourceSetup) => ChannelSource;
}

/** What a source of connections is made with. */
export interface SourceSetup {
  /** How many connections there may be, and for how long. */
  readonly limits: PoolLimits;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Adds the attempts that the options ask for to what makes a connection. */
  readonly retrying: <T>(connect: Connect<T>) => Connect<T>;
}

/** An agent on the other side of connections, which have to be closed some day. */
export interface ConnectedAgent extends StreamingAgent, AsyncDisposable {
  /** Closes all connections and refuses calls from now on; those that run fail. May be called often. */
  close(): Promise<void>;
}

/**
 * An agent at the other end of channels, on the wire that Python and Go speak:
 * one call at a time on each connection, answers matched by id. A connection
 * is made when one is needed and used again; after a timeout, an abort or
 * anything unexpected it is closed, since a late answer would be taken for
 * that of the next call.
 */
export class ChannelAgent implements ConnectedAgent {
  /** The agent's name. */
  readonly name: string;
  /** What the remote agent can do, as the options say. */
  readonly capabilities: readonly string[];
  readonly #init: ChannelAgentInit;
  readonly #options: ChannelAgentOptions;
  readonly #timeoutMs: number;
  readonly #maxBytes: number;
  readonly #clock: Clock;
  readonly #source: ChannelSource;

  /**
   * Checks the options; connects only when called.
   *
   * @throws {TypeError} If an option is of a wrong type.
   * @throws {RangeError} If an option is out of bounds.
   */
  constructor(init: ChannelAgentInit, options: ChannelAgentOptions = {}) {
    const { action } = init;
    const { name, capabilities, timeoutMs, maxBytes, clock } = checkClientOptions(action, options);
    const { reconnect = {}, random = Math.random } = options;
    checkContentMode(action, options.content);
    checkBoolean(action, "idempotent", options.idempotent);
    checkFunction(action, "random", random);
    this.#init = init;
    this.#options = options;
    this.name = name ?? init.fallbackName;
    this.capabilities = capabilities;
    this.#timeoutMs = timeoutMs;
    this.#maxBytes = maxBytes;
    this.#clock = clock;
    const setup: SourceSetup = {
      limits: {
        maxConnections: checkNumber(action, "maxConnections", options.maxConnections ?? 16, {
          min: 1,
          integer: true,
          infinite: true,
        }),
        maxQueue: checkNumber(action, "maxQueue", options.maxQueue ?? 1000, {
          min: 0,
          integer: true,
          infinite: true,
        }),
        idleMs: checkLimit(action, "idleMs", options.idleMs ?? 60_000),
      },
      clock,
      retrying: (connect) => withReconnect(action, connect, reconnect, { clock, random }),
    };
    this.#source = init.source?.(setup) ??
      new ChannelPool(setup.retrying(init.connect!), setup.limits, clock);
  }

  /** How many connections there are, with those that are being made. */
  get connections(): number {
    return this.#source.size;
  }

  /** Answers a message. */
  async process(message: Message, call: CallOptions = {}): Promise<Message> {
    throwIfAborted(call);
    const exchange = new Exchange(this.#clock, call, this.name);
    try {
      exchange.limit(this.#timeoutMs);
      for (let replays = this.#replays(call);; replays--) {
        const attempt = new Attempt(this.#source, exchange, this.#init.url);
        try {
          await this.#ask(attempt, "process", message, exchange);
          const envelope = await attempt.next();
          if (envelope.type === "response" || envelope.type === "error") attempt.end();
          return messageOf(envelope, "response", this.#init.url);
        } catch (error) {
          if (replays === 0 || !attempt.lost) throw error;
        } finally {
          attempt.release();
        }
      }
    } catch (error) {
      throw exchange.errorOf(error, this.#init.url);
    } finally {
      exchange.end();
    }
  }

  /** Answers a message bit by bit. Stopping early closes the connection, which stops the agent. */
  async *stream(
    message: Message,
    call: CallOptions = {},
  ): AsyncGenerator<Message, void, undefined> {
    throwIfAborted(call);
    const exchange = new Exchange(this.#clock, call, this.name);
    let replays = this.#replays(call);
    try {
      exchange.limit(this.#timeoutMs);
      for (;;) {
        const attempt = new Attempt(this.#source, exchange, this.#init.url);
        try {
          await this.#ask(attempt, "stream", message, exchange);
          for (;;) {
            const envelope = await attempt.next();
            const ended = envelope.type === "stream_end" || envelope.type === "error";
            if (ended) attempt.end();
            if (envelope.type === "stream_end") return;
            const chunk = messageOf(envelope, "stream_chunk", this.#init.url);
            replays = 0;
            // The consumer's time is its own.
            exchange.pause();
            yield chunk;
            exchange.limit(this.#timeoutMs);
          }
        } catch (error) {
          if (replays-- === 0 || !attempt.lost) throw error;
        } finally {
          attempt.release();
        }
      }
    } catch (error) {
      throw exchange.errorOf(error, this.#init.url);
    } finally {
      exchange.end();
    }
  }

  /** Closes all connections and refuses calls from now on. */
  close(): Promise<void> {
    this.#source.close();
    return Promise.resolve();
  }

  /** Closes all connections. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #ask(
    attempt: Attempt,
    method: "process" | "stream",
    message: Message,
    exchange: Exchange,
  ): Promise<void> {
    const { content, name: agentName } = this.#options;
    return attempt.ask((id) => {
      const timeoutMs = exchange.timeLeft(method);
      return encodeRequest({ id, method, agentName, timeoutMs, message, content });
    }, this.#maxBytes);
  }

  #replays(call: CallOptions): number {
    const said = call.values?.get(idempotentKey) ?? this.#options.idempotent;
    return said === true ? 1 : 0;
  }
}
