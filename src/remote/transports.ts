import type { StreamingAgent } from "../core/agent.ts";
import { readAddress } from "../transport/socket/address.ts";
import { type RemoteAgentOptions, sharedOptions } from "./options.ts";
import { type Need, runtimeOf } from "./runtime.ts";

/** An agent that may hold connections. */
export type Client = StreamingAgent & { close?(): Promise<void> | void };

/** How the agents at the URLs of a scheme are called. */
export interface Transport {
  /** What the runtime must have for it. */
  readonly needs: Need;
  /** Which headers it can carry: of each call, of each connection, or none. */
  readonly headers: "call" | "connection" | "none";
  /** How a URL of it looks, for error messages. */
  readonly example: string;
  /**
   * Whether a URL of it is well formed.
   *
   * @throws {RangeError} If it is, but a part of it is out of bounds.
   */
  matches(url: string): boolean;
  /** Loads what it needs and makes the client. */
  load(url: string, options: RemoteAgentOptions): Promise<Client>;
}

/** A host, which may be an IPv6 address in brackets, and perhaps a port and a path. */
const HOST =
  /^[a-z\d+.-]+:\/\/(?:[^/?#]*@)?(?:\[[\da-f:.]+\]|[^\s:/?#[\]@]+)(?::\d{1,5})?(?:[/?#]|$)/i;

function hasHost(url: string): boolean {
  return HOST.test(url) && URL.canParse(url);
}

export const http: Transport = {
  needs: "fetch",
  headers: "call",
  example: "http://host:8080",
  matches: hasHost,
  async load(url, options) {
    const { httpAgent } = await import("../transport/http/client.ts");
    const { headers } = options;
    return httpAgent(url, { ...options.http, ...sharedOptions(options), headers });
  },
};

export const h2c: Transport = {
  ...http,
  example: "h2c://host:8080",
  async load(url, options) {
    // A browser speaks what it likes.
    if (runtimeOf() !== "server" || options.http?.fetch !== undefined) {
      return await http.load(url, options);
    }
    const { http2Agent } = await import("../transport/http2/client.ts");
    const { headers } = options;
    return http2Agent(url, { ...options.http, ...sharedOptions(options), headers });
  },
};

export const h3: Transport = {
  ...http,
  needs: "HTTP/3",
  example: "h3://host:8443",
  async load(url, options) {
    const { http3Agent } = await import("../transport/http3/client.ts");
    const { headers } = options;
    return http3Agent(url, { ...options.http, ...sharedOptions(options), headers });
  },
};

export const webSocket: Transport = {
  needs: "fetch",
  headers: "connection",
  example: "ws://host:8080",
  matches: hasHost,
  async load(url, options) {
    const { webSocketAgent } = await import("../transport/websocket/client.ts");
    const headers = options.headers === undefined
      ? undefined
      : Object.fromEntries(new Headers(options.headers as HeadersInit));
    return webSocketAgent(url, { ...options.websocket, ...sharedOptions(options), headers });
  },
};

/** Connect and gRPC-Web. What follows the `+` is the URL that is meant. */
function rpc(protocol: "connect" | "grpc-web"): Transport {
  return {
    needs: "fetch",
    headers: "call",
    example: `${protocol}+http://host:8080`,
    matches: hasHost,
    async load(url, options) {
      const { rpcAgent } = await import("../transport/rpc/client.ts");
      const { headers } = options;
      return rpcAgent(url.slice(protocol.length + 1), {
        ...options.rpc,
        ...sharedOptions(options),
        headers,
        protocol,
      });
    },
  };
}

export const connect: Transport = rpc("connect");
export const grpcWeb: Transport = rpc("grpc-web");

export const grpc: Transport = {
  needs: "sockets",
  headers: "call",
  example: "grpc://host:50051",
  matches: hasHost,
  async load(url, options) {
    const { grpcAgent } = await import("../transport/grpc/client.ts");
    const { headers } = options;
    return grpcAgent(url, { ...options.grpc, ...sharedOptions(options), headers });
  },
};

/** TCP and Unix sockets. */
function socket(example: string): Transport {
  return {
    needs: "sockets",
    headers: "none",
    example,
    matches(url) {
      try {
        readAddress("call a remote agent", url);
        return true;
      } catch (error) {
        if (error instanceof RangeError) throw error;
        return false;
      }
    },
    async load(url, options) {
      const { socketAgent } = await import("../transport/socket/client.ts");
      return socketAgent(url, { ...options.socket, ...sharedOptions(options) });
    },
  };
}

export const tcp: Transport = socket("tcp://host:9000");
export const unix: Transport = socket("unix:///path/to/socket");

export const memory: Transport = {
  needs: "fetch",
  headers: "none",
  example: "memory://address",
  matches: (url) => /^memory:\/\/[a-z0-9._-]+\/?$/i.test(url),
  async load(url, options) {
    const { memoryAgent } = await import("../transport/memory/client.ts");
    return memoryAgent(url, { name: options.name });
  },
};
