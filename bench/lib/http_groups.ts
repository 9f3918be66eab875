import { message } from "../../mod.ts";
import { httpAgent } from "../../src/transport/http/mod.ts";
import { serve } from "../../src/serve/mod.ts";
import { echoInChunks, lengthOf } from "./echo.ts";
import { startByHand } from "./http_by_hand.ts";
import { startFloor } from "./http_floor.ts";
import { type Group, repeatAtOnce } from "./suite.ts";

const SIZES = { "100 B": 100, "10 KB": 10_000, "1 MB": 1_000_000 } as const;
const AT_ONCE = [1, 10, 50, 100];
const CHUNKS = 50;

/** How many calls a run makes: enough to be measured, few enough to be repeated. */
function callsOf(size: number, atOnce: number, streamed: boolean): number {
  const wanted = size > 100_000 ? 10 : streamed ? 20 : 200;
  return Math.ceil(wanted / atOnce) * atOnce;
}

async function groups(): Promise<Group[]> {
  const echo = echoInChunks(CHUNKS);
  const floor = startFloor();
  const byHand = startByHand();
  const { url } = await serve(echo, { port: 0 });
  const remote = httpAgent(url);
  const found: Group[] = [];
  for (const streamed of [false, true]) {
    for (const [label, size] of Object.entries(SIZES)) {
      const content = "x".repeat(size);
      const unary = {
        "fetch and server": () => floor.process(content),
        "with time and limits": () => byHand(content),
        agenkit: () => remote.process(message("user", content)),
      };
      const stream = {
        "fetch and server": () => floor.stream(content, CHUNKS),
        agenkit: () => lengthOf(remote, message("user", content)),
      };
      for (const atOnce of AT_ONCE) {
        const calls = callsOf(size, atOnce, streamed);
        const rows = Object.entries(streamed ? stream : unary)
          .map(([name, call]) => [name, repeatAtOnce(calls, atOnce, call)]);
        const what = streamed ? `stream of ${CHUNKS} chunks` : "unary";
        found.push({
          name: `http/${what}, ${label}, ${atOnce} at once`,
          calls,
          rows: Object.fromEntries(rows),
        });
      }
    }
  }
  return found;
}

/** What `deno task bench` measures of HTTP, each beside the runtime's own server and `fetch`. */
export const GROUPS: readonly Group[] = await groups();
