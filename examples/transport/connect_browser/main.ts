/**
 * A page that calls an agent over Connect, and the server of both. The page is
 * bundled when the server starts.
 *
 *     deno run -A examples/transport/connect_browser/main.ts [port]
 */
import { agent, delay, text } from "@agenkit/agenkit";
import { rpcHandler } from "@agenkit/agenkit/rpc";

const writer = agent({
  name: "writer",
  process: (m) => `A poem about ${text(m)}`,
  async *stream(m, call) {
    let lines = 0;
    try {
      for (; lines < 10_000; lines++) {
        await delay(20, { signal: call.signal! });
        yield `${lines === 0 ? "A" : "and a"} line about ${text(m)}, `;
      }
    } finally {
      // Whether it was waiting or had just handed on a line when the reader left.
      if (lines < 10_000) console.log(`The reader had enough after ${lines} lines`);
    }
  },
});

const file = (name: string) => new URL(name, import.meta.url);
const bundled = await new Deno.Command(Deno.execPath(), {
  args: ["bundle", "--quiet", "--platform=browser", file("page.js").pathname],
  cwd: file("../../..").pathname,
  stderr: "inherit",
}).output();
if (!bundled.success) Deno.exit(1);

const answer = rpcHandler(writer);
const page = await Deno.readFile(file("index.html"));
const files: Record<string, [Uint8Array<ArrayBuffer>, string]> = {
  "/": [page, "text/html"],
  "/page.js": [bundled.stdout as Uint8Array<ArrayBuffer>, "text/javascript"],
};

const server = Deno.serve({
  hostname: "127.0.0.1",
  port: Number(Deno.args[0] ?? 8080),
  onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`),
}, (request) => {
  const [body, type] = files[new URL(request.url).pathname] ?? [];
  return body === undefined
    ? answer(request)
    : new Response(body, { headers: { "content-type": type! } });
});
await server.finished;
