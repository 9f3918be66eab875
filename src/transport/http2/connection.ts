import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from "node:http2";
import { clearTimeout, setTimeout } from "node:timers";
import { type ClientTlsOptions, nodeTlsOptions } from "../tls.ts";
import { destroyLater } from "./destroy_later.ts";
import { SETTINGS, widen } from "./windows.ts";

/** What opens a connection. */
export interface ConnectionOptions {
  readonly tls: ClientTlsOptions | undefined;
  readonly connectTimeoutMs: number;
  readonly idleMs: number;
  /** After how long a silence a connection that is in use is asked whether it lives. */
  readonly keepaliveMs: number;
  /** How long the answer to that may take. */
  readonly pingTimeoutMs: number;
}

/** A stream, and what ends its use of the connection where its own end does not come. */
export interface ConnectionStream {
  readonly stream: ClientHttp2Stream;
  readonly over: () => void;
}

/** How long a connection may take to close after the last call on it, in milliseconds. */
const CLOSE_GRACE_MS = 1_000;

/** One HTTP/2 connection, which all calls to a server share. */
export class Http2Connection {
  readonly #session: ClientHttp2Session;
  readonly #authority: string;
  readonly #options: ConnectionOptions;
  #inFlight = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #heardAt: number = performance.now();
  #leaving = false;
  #closing: Promise<void> | undefined;
  #failure: Error | undefined;

  private constructor(session: ClientHttp2Session, origin: string, options: ConnectionOptions) {
    this.#session = session;
    // What `node:http2` says by itself has no brackets around an IPv6 address, and is refused.
    this.#authority = new URL(origin).host;
    this.#options = options;
    session.on("error", (error: Error) => this.#failure ??= error);
    session.once("close", () => {
      clearTimeout(this.#idle);
      clearTimeout(this.#watch);
    });
    this.#rest();
  }

  /**
   * Opens a connection and waits for the server's first word, its settings: a
   * server that has said them does speak HTTP/2.
   */
  static open(origin: string, options: ConnectionOptions): Promise<Http2Connection> {
    return new Promise((resolve, reject) => {
      const session = connect(origin, { ...nodeTlsOptions(options.tls), settings: SETTINGS });
      destroyLater(session);
      const late = setTimeout(
        () => fail(new Error(`No HTTP/2 settings within ${options.connectTimeoutMs} ms`)),
        options.connectTimeoutMs,
      );
      const fail = (error: Error) => {
        clearTimeout(late);
        session.destroy();
        reject(error);
      };
      // Stays: what fails twice must not be unhandled.
      session.on("error", fail);
      // A session of Node keeps to itself that the server refused the client's certificate.
      session.socket.on("error", fail);
      session.once("close", () => fail(new Error("The connection closed before its settings")));
      session.once("remoteSettings", () => {
        clearTimeout(late);
        widen(session);
        resolve(new Http2Connection(session, origin, options));
      });
    });
  }

  /** Whether new requests can be sent. */
  get usable(): boolean {
    return !this.#leaving && !this.#session.closed && !this.#session.destroyed;
  }

  /** What was agreed on: `h2` by TLS, `h2c` by prior knowledge. */
  get protocol(): string {
    return this.#session.alpnProtocol ?? "h2c";
  }

  /** What ended the connection, if an error did. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Opens a stream, with which the connection is in use. */
  open(headers: OutgoingHttpHeaders, options: ClientSessionRequestOptions): ConnectionStream {
    const stream = this.#session.request({ ":authority": this.#authority, ...headers }, options);
    this.#work();
    let ended = false;
    const over = () => {
      if (!ended) this.#rest();
      ended = true;
    };
    stream.once("close", over);
    return { stream, over };
  }

  /** Notes that the server was heard of. */
  heard(): void {
    this.#heardAt = performance.now();
  }

  /**
   * Asks the server whether it still lives, as after a call that was given up
   * without a word of it: should the network have lost the connection, the next
   * call must not wait on it as well.
   */
  probe(): void {
    if (!this.usable) return;
    const { pingTimeoutMs } = this.#options;
    const late = setTimeout(
      () => this.destroy(new Error(`The server did not answer a ping within ${pingTimeoutMs} ms`)),
      pingTimeoutMs,
    );
    late.unref();
    try {
      this.#session.ping(() => {
        clearTimeout(late);
        this.heard();
      });
    } catch {
      clearTimeout(late);
    }
  }

  /** Takes no new requests and resolves when those that run have ended. */
  close(): Promise<void> {
    return this.#closing ??= new Promise((resolve) => {
      this.#leaving = true;
      clearTimeout(this.#idle);
      if (this.#session.destroyed) return resolve();
      this.#session.once("close", resolve);
      this.#session.close();
      if (this.#inFlight === 0) this.#leave();
    });
  }

  /** Cuts the connection; what runs on it fails with the error. */
  destroy(error: Error): void {
    this.#leaving = true;
    clearTimeout(this.#idle);
    this.#session.destroy(error, constants.NGHTTP2_CANCEL);
  }

  #work(): void {
    if (this.#inFlight++ > 0) return;
    clearTimeout(this.#idle);
    this.#session.ref();
    if (this.#options.keepaliveMs !== Infinity) this.#listen();
  }

  /** Asks the server whether it lives once it was silent for long. */
  #listen(): void {
    const silence = performance.now() - this.#heardAt;
    const left = this.#options.keepaliveMs - silence;
    if (left <= 0) this.probe();
    this.#watch = setTimeout(() => this.#listen(), left > 0 ? left : this.#options.keepaliveMs);
  }

  /** After the last request: the connection does not keep the process, and goes when nobody comes. */
  #rest(): void {
    if (this.#inFlight > 0) this.#inFlight--;
    if (this.#inFlight > 0) return;
    clearTimeout(this.#watch);
    if (this.#session.destroyed) return;
    if (this.#closing !== undefined) return this.#leave();
    this.#session.unref();
    const { idleMs } = this.#options;
    if (idleMs === Infinity || this.#leaving) return;
    this.#idle = setTimeout(() => void this.close(), idleMs);
    this.#idle.unref();
  }

  /** Nothing runs any more: a server that does not end the connection, too, is not waited for. */
  #leave(): void {
    const late = setTimeout(() => this.#session.destroy(), CLOSE_GRACE_MS);
    this.#session.once("close", () => clearTimeout(late));
  }
}
