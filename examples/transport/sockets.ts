/**
 * Agents at sockets: within one machine at a Unix socket, in a network over TCP
 * and TLS, next to Python and Go, and how the two sides part.
 *
 * Runs on Deno, and on Node and Bun where "@agenkit/agenkit" is installed.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agent, delay, message, text, TimeoutError } from "@agenkit/agenkit";
import { serve } from "@agenkit/agenkit/serve";
import { serveSocket, socketAgent } from "@agenkit/agenkit/socket";

const folder = mkdtempSync(join(tmpdir(), "agenkit-example-"));

const writer = agent({
  name: "writer",
  process: (m) => `A poem about ${text(m)}`,
  async *stream(m) {
    for (const word of ["A", "poem", "about", text(m)]) {
      await delay(5);
      yield `${word} `;
    }
  },
});

console.log("1. A Unix socket: for programs on this machine, and for this user alone");
{
  const path = join(folder, "run", "writer.sock");
  await using server = await serveSocket(writer, `unix://${path}`);
  const mode = (file: string) => (statSync(file).mode & 0o777).toString(8);
  console.log(`  the socket has mode ${mode(path)}, its directory ${mode(join(folder, "run"))}`);

  await using remote = socketAgent(server.url, { name: "writer" });
  console.log(`  at once:    ${text(await remote.process(message("user", "frames")))}`);
  let streamed = "";
  for await (const chunk of remote.stream(message("user", "bytes"))) streamed += text(chunk);
  console.log(`  bit by bit: ${streamed}`);

  // A second server does not take the place of one that lives.
  const second = await serveSocket(writer, `unix://${path}`).catch((error) => error);
  console.log(`  a second server: ${second.code}`);
}

console.log(
  "\n2. TCP beside HTTP: one server, and any language that can write four bytes and JSON",
);
{
  await using server = await serve(writer, { port: 0, tcp: 0 });
  const [, tcp] = server.endpoints;
  console.log(`  schemes: ${server.endpoints.map((url) => new URL(url).protocol).join(" ")}`);

  // What a peer of any language does: the length, big-endian, and the envelope.
  const request = JSON.stringify({
    version: "1.0",
    type: "request",
    id: "by-hand",
    timestamp: new Date().toISOString(),
    payload: {
      method: "process",
      message: {
        role: "user",
        content: "wires",
        metadata: {},
        timestamp: new Date().toISOString(),
      },
    },
  });
  const socket = createConnection(Number(new URL(tcp!).port), "127.0.0.1");
  const prefix = new DataView(new ArrayBuffer(4));
  prefix.setUint32(0, new TextEncoder().encode(request).length);
  socket.write(new Uint8Array(prefix.buffer));
  socket.write(request);
  const answer = await new Promise<Uint8Array>((resolve) => socket.once("data", resolve));
  socket.destroy();
  const envelope = JSON.parse(new TextDecoder().decode(answer.subarray(4)));
  console.log(`  ${envelope.id}: ${envelope.type}, "${envelope.payload.message.content}"`);
}

console.log("\n3. TLS, with certificates on both sides");
{
  // An authority of our own that signs one certificate; in production yours comes from elsewhere.
  const openssl = (...args: string[]) =>
    execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl("req", "-x509", ...key, "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem");
  openssl(
    ...["req", "-x509", ...key, "-subj", "/CN=writer", "-CA", "ca.pem", "-CAkey", "ca.key"],
    ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
    ...["-addext", "basicConstraints=critical,CA:FALSE"],
    ...["-keyout", "writer.key", "-out", "writer.pem"],
  );
  const pem = (name: string) => readFileSync(join(folder, name), "utf8");
  const identity = { cert: pem("writer.pem"), key: pem("writer.key") };
  const tls = { ...identity, ca: pem("ca.pem") };

  await using server = await serveSocket(writer, "tcps://127.0.0.1:0", { tls });
  await using known = socketAgent(server.url, { tls });
  console.log(
    `  a client with a certificate: ${text(await known.process(message("user", "trust")))}`,
  );
  for (
    const [who, options] of [["without one", { ca: tls.ca }], ["that trusts nobody", {}]] as const
  ) {
    await using other = socketAgent(server.url, { tls: options });
    const refused = await other.process(message("user", "trust")).catch((error) => error);
    console.log(`  a client ${who}: ${refused.code}`);
  }
}

console.log("\n4. Parting: deadlines and calls that nobody waits for, restarts, and draining");
{
  const aborted = Promise.withResolvers<string>();
  const slow = agent("slow", async (m, call) => {
    call.signal?.addEventListener("abort", () => aborted.resolve(call.signal!.reason.name));
    await delay(text(m) === "hurry" ? 60_000 : 20, { signal: call.signal! });
    return "done";
  });
  let server = await serveSocket(slow, "tcp://127.0.0.1:0");
  await using remote = socketAgent(server.url);
  const late = remote.process(message("user", "hurry"), { deadline: performance.now() + 50 });
  const error = await late.catch((error) => error);
  console.log(`  the caller gets a ${error instanceof TimeoutError ? "TimeoutError" : error}`);
  console.log(`  and the agent stops: ${await aborted.promise}`);

  const running = remote.process(message("user", "take your time"));
  while (server.inFlight === 0) await delay(1);
  await server.drain();
  console.log(`  drained, after what ran has ended: ${text(await running)}`);

  server = await serveSocket(slow, server.url);
  console.log(
    `  after a restart the same client goes on: ${
      text(await remote.process(message("user", "again")))
    }`,
  );
  await server.drain();
}

rmSync(folder, { recursive: true });
