import { describe } from "../../core/json.ts";
import { checkNumber, checkTexts } from "../../core/options.ts";
import { TIMEOUT_HEADER } from "./headers.ts";
import { HttpProblem } from "./problem.ts";

/** Which web pages of other origins may call a server, and how. */
export interface CorsOptions {
  /** The origins, such as `"https://app.example"`, or `"*"` for all. */
  readonly origins: readonly string[] | "*";
  /** Request headers that pages may send besides `Content-Type` and the deadline. @default {[]} */
  readonly headers?: readonly string[];
  /** How long a browser may remember the answer, in milliseconds. @default {600000} */
  readonly maxAgeMs?: number;
}

/** The headers of one protocol that pages may send and read. */
export interface ProtocolHeaders {
  /** Request headers that pages may send. */
  readonly headers: readonly string[];
  /** Response headers that pages may read. */
  readonly exposed: readonly string[];
}

const HTTP_HEADERS: ProtocolHeaders = {
  headers: ["content-type", TIMEOUT_HEADER],
  exposed: ["retry-after"],
};

/** Decides which web pages may call. */
export class OriginPolicy {
  readonly #cors: CorsOptions | undefined;
  readonly #protocol: ProtocolHeaders;

  /**
   * @param cors `true` allows every origin; without it no other origin may call.
   * @param protocol What the protocol at hand needs.
   * @throws {TypeError} If it is of a wrong type, or an origin could never match.
   * @throws {RangeError} If its time is out of bounds.
   */
  constructor(cors: CorsOptions | boolean | undefined, protocol: ProtocolHeaders = HTTP_HEADERS) {
    if (cors !== undefined && typeof cors !== "boolean") checkCors(cors);
    this.#cors = cors === true ? { origins: "*" } : cors === false ? undefined : cors;
    this.#protocol = protocol;
  }

  /** Whether pages of other origins were allowed at all. */
  get enabled(): boolean {
    return this.#cors !== undefined;
  }

  /**
   * Refuses requests that a browser sends for a page of an origin that was not
   * allowed. CORS alone only keeps the page from reading the answer; the agent
   * would have run, on whatever server the user's browser can reach.
   *
   * @throws {HttpProblem} 403.
   */
  check(request: Request): void {
    const origin = request.headers.get("origin");
    if (origin === null || this.#allows(origin) || isSameOrigin(request, origin)) return;
    throw new HttpProblem(
      403,
      "permission_denied",
      `Pages of origin ${origin} may not call this server: expected one that 'cors' allows`,
    );
  }

  /** Adds what lets an allowed page read the answer. */
  decorate(request: Request, response: Response): Response {
    const origin = request.headers.get("origin");
    if (this.#cors === undefined) return response;
    response.headers.append("vary", "origin");
    if (origin === null || !this.#allows(origin)) return response;
    response.headers.set("access-control-allow-origin", this.#cors.origins === "*" ? "*" : origin);
    response.headers.set("access-control-expose-headers", this.#protocol.exposed.join(", "));
    return response;
  }

  /** Answers a browser's question whether a page may call. */
  preflight(allow: string): Response {
    const { headers = [], maxAgeMs = 600_000 } = this.#cors!;
    return new Response(null, {
      status: 204,
      headers: {
        "access-control-allow-methods": allow,
        "access-control-allow-headers": [...this.#protocol.headers, ...headers].join(", "),
        "access-control-max-age": String(Math.floor(maxAgeMs / 1000)),
      },
    });
  }

  #allows(origin: string): boolean {
    const origins = this.#cors?.origins;
    return origins === "*" || origins?.includes(origin) === true;
  }
}

const ACTION = "let web pages call";

/** An origin as browsers write it: in small letters, without a path. Others would never match. */
const ORIGIN = /^(?:null|[a-z][a-z\d+.-]*:\/\/[^/*\sA-Z]+)$/;

function checkCors(cors: CorsOptions): void {
  if (typeof cors !== "object" || cors === null) {
    throw new TypeError(
      `Cannot ${ACTION} as 'cors' must be a boolean or an object: current value is ${
        describe(cors)
      }`,
    );
  }
  const { origins, headers, maxAgeMs = 0 } = cors;
  const refused = (origin: unknown) => !ORIGIN.test(String(origin));
  const listed = Array.isArray(origins);
  if (listed ? origins.some(refused) : origins !== "*") {
    throw new TypeError(
      `Cannot ${ACTION} as 'cors.origins' must be "*" or an array of origins such as ` +
        `"https://app.example": current value is ${
          describe(listed ? origins.find(refused) : origins)
        }`,
    );
  }
  checkTexts(ACTION, "cors.headers", headers);
  checkNumber(ACTION, "cors.maxAgeMs", maxAgeMs, { min: 0 });
}

/** Browsers say it themselves, and no page can forge that; for old ones the hosts are compared. */
function isSameOrigin(request: Request, origin: string): boolean {
  const site = request.headers.get("sec-fetch-site");
  if (site !== null) return site === "same-origin" || site === "none";
  const host = request.headers.get("x-forwarded-host") ?? request.headers.get("host") ??
    new URL(request.url).host;
  return URL.canParse(origin) && new URL(origin).host === host;
}
