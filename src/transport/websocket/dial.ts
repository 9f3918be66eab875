import { NOT_BEGUN } from "../../core/begun.ts";
import { AgenkitError } from "../../core/errors.ts";
import { onAbort } from "../../core/signals.ts";
import { MUX_PROTOCOL } from "./mux.ts";
import type { WebSocketChannel, WebSocketChannelOptions } from "./channel.ts";
import { channelOf, type WebSocketLike } from "./standard.ts";

/** Makes a WebSocket that connects. */
export type WebSocketFactory = (url: string, protocols: readonly string[]) => WebSocketLike;

/** One way to shake hands with a server. */
interface Variant {
  readonly url: string;
  readonly mux: boolean;
}

/** A connection, and what was agreed. */
export interface Dialled {
  /** The connection. */
  readonly channel: WebSocketChannel;
  /** Whether it carries many calls. */
  readonly multiplexed: boolean;
}

/** What a {@linkcode Dialler} goes by. */
export interface DiallerOptions {
  /** The address. */
  readonly url: URL;
  /** Whether to agree on many calls a connection: yes, no, or if the server can. */
  readonly multiplex: boolean | "auto";
  /** How long one handshake may take, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Makes sockets. */
  readonly factory: WebSocketFactory;
  /** How channels behave. */
  readonly channel: Omit<WebSocketChannelOptions, "text">;
}

/** After so many failures in a row, what was found out about the server is not believed any more. */
const MAX_FAILURES = 3;

/**
 * Shakes hands with a server of which it is not known what it can: whether it
 * takes the subprotocol (many clients break a handshake that does not answer
 * it), and whether it serves at the path `/ws` alone, as Go peers do. What
 * worked is what the next connection begins with.
 */
export class Dialler {
  readonly #options: DiallerOptions;
  readonly #variants: readonly Variant[];
  #known: Variant | undefined;
  #failures = 0;

  constructor(options: DiallerOptions) {
    this.#options = options;
    const { url, multiplex } = options;
    const urls = [url.href];
    if (url.pathname === "/") {
      const elsewhere = new URL(url);
      elsewhere.pathname = "/ws";
      urls.push(elsewhere.href);
    }
    const ways = multiplex === "auto" ? [true, false] : [multiplex];
    this.#variants = urls.flatMap((url) => ways.map((mux) => ({ url, mux })));
  }

  /**
   * Makes a connection.
   *
   * @throws {AgenkitError} `unavailable` if none can be made.
   */
  async dial(signal: AbortSignal): Promise<Dialled> {
    let failure: unknown;
    for (const variant of this.#known === undefined ? this.#variants : [this.#known]) {
      try {
        const dialled = await this.#open(variant, signal);
        this.#known = { ...variant, mux: dialled.multiplexed };
        this.#failures = 0;
        return dialled;
      } catch (error) {
        signal.throwIfAborted();
        // The first one is of the address as it was given.
        failure ??= error;
      }
    }
    if (++this.#failures >= MAX_FAILURES) this.#known = undefined;
    throw failure;
  }

  async #open({ url, mux }: Variant, signal: AbortSignal): Promise<Dialled> {
    const { factory, channel, multiplex, connectTimeoutMs } = this.#options;
    const socket = factory(url, mux ? [MUX_PROTOCOL] : []);
    const dialled = await new Promise<Dialled>((resolve, reject) => {
      const fail = (error: unknown) => {
        timer.cancel();
        release();
        reject(error);
      };
      const giveUp = (reason: unknown) => {
        fail(reason);
        socket.close();
      };
      const timer = channel.clock.schedule(
        channel.clock.now() + connectTimeoutMs,
        () => giveUp(cannotConnect(url, `no answer within ${connectTimeoutMs} ms`)),
      );
      const release = onAbort(signal, () => giveUp(signal.reason));
      socket.addEventListener("open", () => {
        timer.cancel();
        release();
        const multiplexed = socket.protocol === MUX_PROTOCOL;
        // Made at once: a message that comes right after must find its listener.
        resolve({ channel: channelOf(socket, { ...channel, text: multiplexed }), multiplexed });
      });
      socket.addEventListener(
        "error",
        ({ message, error }) => fail(cannotConnect(url, message || textOf(error), error)),
      );
      socket.addEventListener("close", ({ reason }) => fail(cannotConnect(url, reason ?? "")));
    });
    if (multiplex !== true || dialled.multiplexed) return dialled;
    dialled.channel.close();
    throw cannotConnect(url, `the server does not speak ${MUX_PROTOCOL}`);
  }
}

/** An address as errors show it: without what may be secret. */
export function shown({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}

function cannotConnect(url: string, why: string, cause?: unknown): AgenkitError {
  return new AgenkitError(
    "unavailable",
    `Cannot connect to ${shown(new URL(url))}${why === "" ? "" : `: ${why}`}`,
    { cause, details: NOT_BEGUN },
  );
}

/** What Node's error event knows is in the causes of its error. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  return textOf(error.cause) || error.message;
}
