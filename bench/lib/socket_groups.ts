import { message } from "../../mod.ts";
import { serveSocket, socketAgent } from "../../src/transport/socket/mod.ts";
import { echoInChunks, lengthOf } from "./echo.ts";
import { startSocketFloor } from "./socket_floor.ts";
import { type Group, repeatAtOnce } from "./suite.ts";

const CHUNKS = 50;

async function groups(): Promise<Group[]> {
  const echo = echoInChunks(CHUNKS);
  const floor = startSocketFloor();
  const { url } = await serveSocket(echo, "tcp://127.0.0.1:0");
  const remote = socketAgent(url, { maxConnections: 50 });
  const folder = await Deno.makeTempDir();
  const unixServer = await serveSocket(echo, `unix://${folder}/bench.sock`);
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  const unix = socketAgent(unixServer.url);
  const unary = (label: string, size: number, atOnce: number, calls: number): Group => {
    const content = "x".repeat(size);
    return {
      name: `socket/unary, ${label}, ${atOnce} at once`,
      calls,
      rows: {
        "sockets and JSON": repeatAtOnce(calls, atOnce, () => floor.process(content)),
        agenkit: repeatAtOnce(calls, atOnce, () => remote.process(message("user", content))),
        "agenkit, Unix": repeatAtOnce(calls, atOnce, () => unix.process(message("user", content))),
        // A request and an answer have some 200 bytes besides.
        "sockets, no JSON": repeatAtOnce(calls, atOnce, () => floor.bytes(200 + size)),
      },
    };
  };
  const content = "x".repeat(5_000);
  return [
    unary("100 B", 100, 1, 500),
    unary("10 KB", 10_000, 1, 200),
    unary("1 MB", 1_000_000, 1, 10),
    unary("100 B", 100, 50, 500),
    {
      name: `socket/stream of ${CHUNKS} chunks, 5 KB, 1 at once`,
      calls: 20,
      rows: {
        "sockets and JSON": repeatAtOnce(20, 1, () => floor.stream(content, CHUNKS)),
        agenkit: repeatAtOnce(20, 1, () => lengthOf(remote, message("user", content))),
      },
    },
  ];
}

/** What `deno task bench` measures of sockets, each beside the runtime's own with the same JSON. */
export const GROUPS: readonly Group[] = await groups();
