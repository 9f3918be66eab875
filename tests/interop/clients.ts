/**
 * The clients our own client process knows, by the case's `protocol`.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import type { CallOptions, Message, StreamingAgent } from "../../mod.ts";
import { grpcAgent } from "../../src/transport/grpc/mod.ts";
import { httpAgent } from "../../src/transport/http/mod.ts";
import { http2Agent, http2Fetch } from "../../src/transport/http2/mod.ts";
import { http3Agent } from "../../src/transport/http3/mod.ts";
import { rpcAgent } from "../../src/transport/rpc/mod.ts";
import { socketAgent } from "../../src/transport/socket/mod.ts";
import type { Case } from "./peers.ts";

/** A client of any protocol. */
export interface Client extends StreamingAgent {
  close?(): Promise<void> | void;
  /** Only over gRPC. */
  converse?(messages: Iterable<Message>, call?: CallOptions): AsyncGenerator<Message>;
}

/**
 * Makes the client of a case. Its `tls`, or else `AGENKIT_TEST_CA`, names the
 * authority of `https` servers.
 */
export function clientOf(
  { protocol = "http", url, name, timeout_ms, tls: files }: Pick<
    Case,
    "protocol" | "url" | "name" | "timeout_ms" | "tls"
  >,
): Client {
  const options = { name, timeoutMs: timeout_ms };
  const authority = files?.ca ?? process.env["AGENKIT_TEST_CA"];
  const read = (file: string | undefined) =>
    file === undefined ? undefined : readFileSync(file, "utf8");
  const tls = authority === undefined
    ? undefined
    : { ca: read(authority), cert: read(files?.cert), key: read(files?.key) };
  switch (protocol) {
    case "http":
      return httpAgent(url, options);
    case "socket":
      return socketAgent(url, options);
    case "http2":
      return http2Agent(url, { ...options, tls });
    case "http3":
      return http3Agent(url, options);
    case "announced":
      return http3Agent(url, { ...options, use: "announced" });
    case "grpc":
      return grpcAgent(url, { ...options, ...(url.startsWith("grpcs:") ? { tls } : undefined) });
    case "connect":
    case "grpc-web":
      return rpcAgent(url, { ...options, protocol });
    case "connect-h2":
    case "grpc-web-h2": {
      const fetch = http2Fetch({ tls });
      const agent = rpcAgent(url, {
        ...options,
        protocol: protocol === "connect-h2" ? "connect" : "grpc-web",
        fetch,
      });
      return Object.assign(agent, { close: fetch.close });
    }
    default:
      throw new Error(`unknown protocol: ${protocol}`);
  }
}
