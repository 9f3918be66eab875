import { NOT_BEGUN } from "../../core/begun.ts";
import { type Clock, systemClock } from "../../core/clock.ts";
import { AgenkitError } from "../../core/errors.ts";
import { checkFunction, checkOptions } from "../../core/options.ts";
import { shownUrl } from "../url.ts";
import { readAltSvc } from "./alt_svc.ts";

/** What sends requests: Bun's `fetch`, or something like it. */
export type SendRequest = (
  url: string,
  init: RequestInit & { readonly protocol?: string },
) => Promise<Response>;

/** Options of {@linkcode http3Fetch}. */
export interface Http3FetchOptions {
  /**
   * `"always"` speaks nothing but HTTP/3. `"announced"` begins over TCP and
   * changes to HTTP/3 when the server announced it (`Alt-Svc`) and a request
   * that asks for nothing was answered there; back when it fails.
   *
   * @default {"always"}
   */
  readonly use?: "always" | "announced" | undefined;
  /** What sends requests; it is told `protocol: "http3"`. @default {fetch} */
  readonly fetch?: SendRequest | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/** A `fetch` that speaks HTTP/3. */
export interface Http3Fetch {
  /** Sends a request as `fetch` does. */
  (url: string | URL, init?: RequestInit): Promise<Response>;
  /** Whether the next request to the server of a URL goes over HTTP/3. */
  speaksHttp3(url: string | URL): boolean;
}

/** How long the request that tries an alternative may take. */
const PROBE_MS = 3_000;
/** For how long an alternative that failed is not tried again. */
const BROKEN_MS = 60_000;

/**
 * Makes a `fetch` that speaks HTTP/3. Only Bun has a client for it. Servers are
 * verified against the authorities that Bun trusts; more of them come from the
 * environment, `NODE_EXTRA_CA_CERTS`.
 *
 * @throws {AgenkitError} With code `unimplemented`, on other runtimes.
 * @throws {TypeError} If an option is not valid.
 */
export function http3Fetch(options: Http3FetchOptions = {}): Http3Fetch {
  const { use = "always", clock = systemClock } = checkOptions("call over HTTP/3", options);
  if (use !== "always" && use !== "announced") {
    throw new TypeError(
      `Cannot call over HTTP/3 as 'use' must be "always" or "announced": current value is ${
        JSON.stringify(use)
      }`,
    );
  }
  checkFunction("call over HTTP/3", "fetch", options.fetch);
  if (options.fetch === undefined) checkRuntime();
  const send: SendRequest = options.fetch ?? ((url, init) => fetch(url, init));
  const origins = new Map<string, Origin>();
  const originOf = (url: URL) => {
    let origin = origins.get(url.origin);
    if (origin === undefined) origins.set(url.origin, origin = new Origin(url.origin, send, clock));
    return origin;
  };
  const call = (input: string | URL, init: RequestInit = {}) => {
    const url = new URL(input);
    if (url.protocol !== "https:") {
      throw new TypeError(
        `Cannot call over HTTP/3: expected an https:// URL, got ${shownUrl(url)}`,
      );
    }
    return use === "always" ? overHttp3(send, url.href, init) : originOf(url).send(url, init);
  };
  return Object.assign(async (input: string | URL, init?: RequestInit) => await call(input, init), {
    speaksHttp3: (url: string | URL) => use === "always" || originOf(new URL(url)).alternative(),
  });
}

async function overHttp3(send: SendRequest, url: string, init: RequestInit): Promise<Response> {
  try {
    return await send(url, { ...init, protocol: "http3" });
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "HTTP3Unsupported") {
      throw new AgenkitError(
        "unimplemented",
        `Cannot call ${shownUrl(url)}: this fetch has no HTTP/3`,
        {
          cause: error,
        },
      );
    }
    if (code !== "HTTP3HandshakeFailed") throw error;
    throw new AgenkitError(
      "unavailable",
      `Cannot reach ${
        shownUrl(url)
      }: the HTTP/3 handshake failed. Nobody listens on this UDP port, or the ` +
        "certificate is not trusted (NODE_EXTRA_CA_CERTS names more authorities)",
      { cause: error, details: NOT_BEGUN },
    );
  }
}

/** A server, and whether it can be reached over HTTP/3. */
class Origin {
  readonly #origin: string;
  readonly #send: SendRequest;
  readonly #clock: Clock;
  /** The alternative that answered, until when. */
  #proven: { readonly origin: string; readonly until: number } | undefined;
  #probing = false;
  #brokenUntil = -Infinity;

  constructor(origin: string, send: SendRequest, clock: Clock) {
    this.#origin = origin;
    this.#send = send;
    this.#clock = clock;
  }

  alternative(): boolean {
    return this.#proven !== undefined && this.#clock.now() < this.#proven.until;
  }

  async send(url: URL, init: RequestInit): Promise<Response> {
    if (!this.alternative()) {
      const response = await this.#send(url.href, init);
      this.#learn(response);
      return response;
    }
    try {
      return await overHttp3(this.#send, this.#proven!.origin + url.pathname + url.search, init);
    } catch (error) {
      if (!init.signal?.aborted) this.#break();
      throw error;
    }
  }

  #break(): void {
    this.#proven = undefined;
    this.#brokenUntil = this.#clock.now() + BROKEN_MS;
  }

  #learn({ headers }: Response): void {
    const said = readAltSvc(headers.get("alt-svc"), this.#origin);
    if (said === "clear") this.#proven = undefined;
    if (said === undefined || said === "clear") return;
    if (this.#probing || this.#clock.now() < this.#brokenUntil) return;
    this.#probing = true;
    void this.#probe(said.origin, said.maxAgeMs);
  }

  /**
   * Tries an alternative with a request that nobody waits for: where UDP is
   * lost on the way, a call would only learn it by its deadline.
   */
  async #probe(origin: string, maxAgeMs: number): Promise<void> {
    const patience = new AbortController();
    const timer = this.#clock.schedule(this.#clock.now() + PROBE_MS, () => patience.abort());
    try {
      const init = { method: "HEAD", signal: patience.signal };
      const response = await overHttp3(this.#send, `${origin}/health`, init);
      await response.body?.cancel();
      this.#proven = { origin, until: this.#clock.now() + maxAgeMs };
    } catch {
      this.#break();
    } finally {
      timer.cancel();
      this.#probing = false;
    }
  }
}

function checkRuntime(): void {
  if ((globalThis as { Bun?: unknown }).Bun !== undefined) return;
  throw new AgenkitError(
    "unimplemented",
    "Cannot call over HTTP/3: only Bun's fetch speaks it. Elsewhere call the server's https:// URL",
  );
}
