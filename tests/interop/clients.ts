/**
 * The clients our own client process knows, by the case's `protocol`.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import type { StreamingAgent } from "../../mod.ts";
import { httpAgent } from "../../src/transport/http/mod.ts";
import { http2Agent } from "../../src/transport/http2/mod.ts";
import { http3Agent } from "../../src/transport/http3/mod.ts";
import type { Case } from "./peers.ts";

type Client = StreamingAgent & { close?(): Promise<void> };

/** Makes the client of a case. `AGENKIT_TEST_CA` names the authority of `https` servers. */
export function clientOf({ protocol = "http", url, name, timeout_ms }: Case): Client {
  const options = { name, timeoutMs: timeout_ms };
  const authority = process.env["AGENKIT_TEST_CA"];
  const tls = authority === undefined ? undefined : { ca: readFileSync(authority, "utf8") };
  switch (protocol) {
    case "http":
      return httpAgent(url, options);
    case "http2":
      return http2Agent(url, { ...options, tls });
    case "http3":
      return http3Agent(url, options);
    case "announced":
      return http3Agent(url, { ...options, use: "announced" });
    default:
      throw new Error(`unknown protocol: ${protocol}`);
  }
}
