/**
 * A server in a thread of its own, which posts its URL: a client and a server
 * in one thread would share its time, and no call could overlap another.
 *
 * @module
 */
import { agent, delay, text } from "../../mod.ts";
import { serve } from "../../src/serve/mod.ts";

const quick = agent("quick", (m) => text(m));
/** Agents wait for something, such as a model. */
const waiting = agent("waiting", async (m) => {
  await delay(1);
  return text(m);
});

const { url } = await serve([quick, waiting], {
  port: 0,
  websocket: { maxMessagesPerSecond: Infinity },
});
(self as unknown as { postMessage(data: unknown): void }).postMessage(url);
