/**
 * A server in a thread of its own, which posts its URL: a client and a server
 * in one thread would share its time, and no call could overlap another.
 *
 * @module
 */
import { agent, text } from "../../mod.ts";
import { serve } from "../../src/serve/mod.ts";

const { url } = await serve(agent("echo", (m) => text(m)), {
  port: 0,
  websocket: { maxMessagesPerSecond: Infinity },
});
(self as unknown as { postMessage(data: unknown): void }).postMessage(url);
