import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { onAbort } from "../../core/signals.ts";
import { nodeTlsOptions } from "../tls.ts";
import { sendBody, toWebStream } from "./body.ts";
import type { ConnectionOptions } from "./connection.ts";
import { toResponse } from "./headers.ts";
import type { Http2Request } from "./request.ts";

/** What speaks with a server that has no HTTP/2: connections that are kept, one call at a time each. */
export class Http1Pool {
  readonly #agent: HttpAgent;
  readonly #request: typeof httpRequest;

  constructor(origin: string, options: ConnectionOptions) {
    const pool = {
      keepAlive: true,
      // A server that closes idle connections of its own wins the race rarely, when ours go first.
      ...(options.idleMs === Infinity ? undefined : { timeout: options.idleMs }),
    };
    const secure = origin.startsWith("https:");
    this.#agent = secure
      ? new HttpsAgent({ ...pool, ...nodeTlsOptions(options.tls) })
      : new HttpAgent(pool);
    this.#request = secure ? httpsRequest : httpRequest;
  }

  /** Sends a request and resolves with the head of its answer. */
  request({ method, url, headers, body, signal }: Http2Request): Promise<Response> {
    return new Promise((resolve, reject) => {
      let broken: Error | undefined;
      const outgoing = this.#request(url, {
        method,
        headers: body instanceof Uint8Array
          ? { ...headers, "content-length": body.byteLength }
          : headers,
        agent: this.#agent,
      });
      const release = onAbort(signal, () => {
        broken = signal!.reason;
        reject(broken);
        outgoing.destroy();
      });
      outgoing.once("response", (incoming: IncomingMessage) => {
        const failure = () =>
          broken ?? (incoming.complete ? undefined : new Error("The answer was cut off"));
        incoming.once("close", release);
        resolve(
          toResponse(
            incoming.statusCode ?? 500,
            incoming.headers,
            () =>
              toWebStream(incoming, failure, () => {
                outgoing.destroy();
              }),
          ),
        );
      });
      outgoing.on("error", (error) => {
        release();
        reject(error);
      });
      sendBody(body, outgoing).catch((error) => {
        reject(error);
        outgoing.destroy();
      });
    });
  }

  /** Cuts all connections. */
  destroy(): void {
    this.#agent.destroy();
  }
}
