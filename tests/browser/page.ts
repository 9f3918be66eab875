/**
 * Runs in the page: calls agents as any page would, and tells what came.
 *
 * @module
 */
import { codeOf, message, type StreamingAgent, text } from "../../mod.ts";
import { httpAgent } from "../../src/transport/http/mod.ts";
import { rpcAgent } from "../../src/transport/rpc/mod.ts";
import { webSocketAgent } from "../../src/transport/websocket/mod.ts";

/** How a page calls. */
export type Kind = "HTTP" | "Connect" | "gRPC-Web" | "WebSocket";

/** What the page offers to the tests. */
export interface Scenarios {
  /** The text of an answer. */
  unary(said: string): Promise<string>;
  /** Tells of each chunk as it comes. */
  stream(said: string): Promise<string[]>;
  /** Leaves a stream after so many chunks. */
  leave(said: string, chunks: number): Promise<string[]>;
  /** Makes a call that {@linkcode leave} aborts; what it was rejected with. */
  abort(said: string): Promise<string>;
  /** The code of the error that a call ends with, and its text. */
  failure(said: string): Promise<string>;
}

declare global {
  /** Set by the tests: told of each chunk, resolves when the next may come. */
  var seen: (chunk: string) => Promise<void>;
  /** Aborts the call that waits for it. */
  var leave: () => void;
  /** Connects to a server. */
  var connect: (kind: Kind, url: string, agent: string) => void;
  /** What to run on the connection made last. */
  var scenarios: Scenarios;
}

function agentOf(kind: Kind, url: string, name: string): StreamingAgent {
  switch (kind) {
    case "HTTP":
      return httpAgent(url, { name });
    case "Connect":
      return rpcAgent(url, { name });
    case "gRPC-Web":
      return rpcAgent(url, { name, protocol: "grpc-web" });
    case "WebSocket":
      // Chromium itself waits longer and longer with a server that refuses.
      return webSocketAgent(url, { name, reconnect: { maxAttempts: 2 } });
  }
}

globalThis.connect = (kind, url, name) => {
  const remote = agentOf(kind, url, name);
  globalThis.scenarios = {
    unary: async (said) => text(await remote.process(message("user", said))),
    async stream(said) {
      const chunks: string[] = [];
      for await (const chunk of remote.stream(message("user", said))) {
        chunks.push(text(chunk));
        await globalThis.seen(text(chunk));
      }
      return chunks;
    },
    async leave(said, count) {
      const chunks: string[] = [];
      for await (const chunk of remote.stream(message("user", said))) {
        if (chunks.push(text(chunk)) === count) break;
      }
      return chunks;
    },
    async abort(said) {
      const controller = new AbortController();
      globalThis.leave = () => controller.abort(new Error("the user left"));
      try {
        await remote.process(message("user", said), { signal: controller.signal });
        return "answered";
      } catch (error) {
        return String(error);
      }
    },
    async failure(said) {
      try {
        await remote.process(message("user", said));
        return "answered";
      } catch (error) {
        return `${codeOf(error)}: ${(error as Error).message}`;
      }
    },
  };
};
