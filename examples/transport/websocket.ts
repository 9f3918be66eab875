/**
 * Agents over WebSocket: many calls on one connection, the wire of Python and
 * Go, cancelling what nobody waits for, a server that is started again, and one
 * that says goodbye.
 *
 * Runs on Deno, and on Node and Bun where "@agenkit/agenkit" is installed.
 */
import { agent, createContextValues, delay, message, text } from "@agenkit/agenkit";
import { serve } from "@agenkit/agenkit/serve";
import { idempotentKey, webSocketAgent, type WebSocketFactory } from "@agenkit/agenkit/websocket";

let opened = 0;
let closedWith: number | undefined;
/** Makes sockets as the client does by itself, and counts them. */
const counting: WebSocketFactory = (url, protocols) => {
  opened++;
  const socket = new WebSocket(url, [...protocols]);
  socket.addEventListener("close", ({ code }) => closedWith = code);
  return socket;
};

let cancelled = 0;
const writer = agent({
  name: "writer",
  async process(m) {
    await delay(20);
    return `a poem about ${text(m)}`;
  },
  async *stream(m, call) {
    try {
      for (let line = 1;; line++) {
        await delay(5, { signal: call.signal! });
        yield `line ${line} about ${text(m)}; `;
      }
    } finally {
      cancelled++;
    }
  },
});

const about = (what: string) => message("user", what);

console.log("1. Fifty calls at once share one connection");
{
  await using server = await serve(writer, { port: 0 });
  await using remote = webSocketAgent(server.url, { webSocket: counting });
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => remote.process(about(`number ${i}`))),
  );
  console.log(`  ${answers.length} answers, the last: ${text(answers.at(-1)!)}`);
  console.log(`  connections: ${opened}`);
}

console.log("\n2. With Python and Go each call has a connection to itself, from a pool");
{
  await using server = await serve(writer, { port: 0, websocket: { multiplex: false } });
  opened = 0;
  await using remote = webSocketAgent(server.url, { webSocket: counting, maxConnections: 4 });
  for (let round = 1; round <= 2; round++) {
    await Promise.all(Array.from({ length: 12 }, () => remote.process(about("pools"))));
    console.log(`  after ${12 * round} calls: ${opened} connections`);
  }
}

console.log("\n3. Leaving a stream stops the agent, and the connection goes on");
{
  await using server = await serve(writer, { port: 0 });
  opened = 0;
  await using remote = webSocketAgent(server.url, { webSocket: counting });
  let poem = "";
  for await (const line of remote.stream(about("leaving"))) {
    poem += text(line);
    if (poem.includes("line 3")) break;
  }
  console.log(`  read: ${poem.trim()}`);
  while (cancelled === 0) await delay(1);
  console.log(`  streams that the agent was told to stop: ${cancelled}`);
  console.log(`  then: ${text(await remote.process(about("staying")))}`);
  console.log(`  connections: ${opened}`);
}

console.log("\n4. A server that is started again: what ran is lost, unless it may be asked twice");
{
  let server = await serve(writer, { port: 0 });
  const { port, url } = server;
  await using remote = webSocketAgent(url, { reconnect: { initialMs: 10 } });
  await remote.process(about("connecting"));
  const lost = remote.process(about("loss")).catch((error) => error);
  const values = createContextValues().with(idempotentKey, true);
  const repeated = remote.process(about("patience"), { values });
  await delay(5);
  await server.close();
  server = await serve(writer, { port });
  const { code, retryable } = await lost;
  console.log(`  one call: ${code}, ${retryable ? "may" : "must not"} be tried again`);
  console.log(`  one that said it may be asked twice: ${text(await repeated)}`);
  console.log(`  and the next one: ${text(await remote.process(about("recovery")))}`);
  await server.drain();
}

console.log("\n5. A server that drains lets calls end, and says goodbye");
{
  const server = await serve(writer, { port: 0 });
  await using remote = webSocketAgent(server.url, { webSocket: counting });
  const running = remote.process(about("farewells"));
  while (server.inFlight === 0) await delay(1);
  const drained = server.drain();
  console.log(`  the call that ran: ${text(await running)}`);
  await drained;
  while (closedWith !== 1001) await delay(1);
  console.log(`  the connection was closed with ${closedWith}, "going away"`);
  const { code } = await remote.process(about("the end")).catch((error) => error);
  console.log(`  a call after that: ${code}`);
}
