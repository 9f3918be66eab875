import { message } from "../../mod.ts";
import { serve } from "../../src/serve/mod.ts";
import { webSocketAgent } from "../../src/transport/websocket/mod.ts";
import { echoInChunks, lengthOf } from "./echo.ts";
import { type Group, repeatAtOnce } from "./suite.ts";
import { startWebSocketFloor } from "./websocket_floor.ts";

const CHUNKS = 50;

const content = "x".repeat(100);

/** Starts a server in a thread of its own. */
function startApart(): Promise<string> {
  const worker = new Worker(new URL("websocket_server.ts", import.meta.url), { type: "module" });
  return new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));
}

async function groups(): Promise<Group[]> {
  const echo = echoInChunks(CHUNKS);
  const floor = startWebSocketFloor();
  const { url } = await serve(echo, { port: 0, websocket: { maxMessagesPerSecond: Infinity } });
  const multiplexed = webSocketAgent(url);
  const apart = await startApart();
  const multiplexing = (name: string, label: string, calls: number): Group => {
    const remote = webSocketAgent(apart, { name });
    const row = (atOnce: number) =>
      repeatAtOnce(calls, atOnce, () => remote.process(message("user", content)));
    return {
      name: `websocket/50 at once on one connection, ${label}`,
      calls,
      rows: { "one at a time": row(1), "50 at once": row(50) },
    };
  };
  const pooled = webSocketAgent(url, { multiplex: false, maxConnections: 50 });
  const unary = (atOnce: number): Group => ({
    name: `websocket/unary, 100 B, ${atOnce} at once`,
    calls: 500,
    rows: {
      "WebSocket and JSON": repeatAtOnce(500, atOnce, () => floor.process(content)),
      "WebSocket and JSON, binary": repeatAtOnce(500, atOnce, () => floor.process(content, true)),
      agenkit: repeatAtOnce(500, atOnce, () => multiplexed.process(message("user", content))),
      "agenkit, a connection each": repeatAtOnce(
        500,
        atOnce,
        () => pooled.process(message("user", content)),
      ),
    },
  });
  const streamed = "x".repeat(5_000);
  return [
    unary(1),
    unary(50),
    multiplexing("quick", "an agent that answers at once", 500),
    multiplexing("waiting", "an agent that takes 1 ms", 200),
    {
      name: `websocket/stream of ${CHUNKS} chunks, 5 KB, 1 at once`,
      calls: 20,
      rows: {
        "WebSocket and JSON": repeatAtOnce(20, 1, () => floor.stream(streamed, CHUNKS)),
        agenkit: repeatAtOnce(20, 1, () => lengthOf(multiplexed, message("user", streamed))),
      },
    },
  ];
}

/** What `deno task bench` measures of WebSockets, each beside the runtime's own with the same JSON. */
export const GROUPS: readonly Group[] = await groups();
