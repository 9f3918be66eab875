/**
 * HTTP/2 and HTTP/3: many calls over one connection, a server that has only
 * HTTP/1.1, every protocol at one port, and streams over QUIC.
 *
 * Runs on Deno, and on Node and Bun where "@agenkit/agenkit" is installed. The
 * last part speaks HTTP/3 on Bun alone, which trusts what the environment says:
 *
 *     NODE_EXTRA_CA_CERTS=ca.pem TLS_CERT=cert.pem TLS_KEY=key.pem bun examples/transport/http3.ts
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { readFileSync } from "node:fs";
import process from "node:process";
import { type AgenkitError, agent, delay, message, text } from "@agenkit/agenkit";
import { grpcAgent } from "@agenkit/agenkit/grpc";
import { httpAgent } from "@agenkit/agenkit/http";
import { http2Agent } from "@agenkit/agenkit/http2";
import { http3Agent } from "@agenkit/agenkit/http3";
import { rpcAgent } from "@agenkit/agenkit/rpc";
import { serve } from "@agenkit/agenkit/serve";

const narrator = agent({
  name: "narrator",
  process: (m) => `Once upon a time there was ${text(m)}`,
  async *stream(m) {
    for (const word of ["Once", "upon", "a", "time:", text(m)]) {
      await delay(20);
      yield word;
    }
  },
});

console.log("1. HTTP/2 in cleartext: calls at the same time share one connection");
{
  await using server = await serve(narrator, { port: 0 });
  await using remote = http2Agent(server.url.replace("http:", "h2c:"));
  const started = performance.now();
  const streams = Array.from({ length: 20 }, async () => {
    let count = 0;
    for await (const _ of remote.stream(message("user", "a byte"))) count++;
    return count;
  });
  const counts = await Promise.all(streams);
  console.log(
    `  ${counts.length} streams of ${counts[0]} chunks over one ${remote.protocol} connection`,
  );
  const each = 5 * 20;
  console.log(
    `  one waits ${each} ms, all together less than ${each * 20} ms: ${
      performance.now() - started < each * 20
    }`,
  );
}

console.log("\n2. A server that has only HTTP/1.1 is called by that");
{
  const old = createServer((_, response) => {
    response.writeHead(503, { "retry-after": "1" }).end("too old for this");
  });
  await new Promise<void>((resolve) => void old.listen(0, "127.0.0.1", resolve));
  await using remote = http2Agent(`h2c://127.0.0.1:${(old.address() as AddressInfo).port}`);
  try {
    await remote.process(message("user", "a bit"));
  } catch (error) {
    const { code, retryAfterMs } = error as AgenkitError;
    console.log(`  over ${remote.protocol}: ${code}, again in ${retryAfterMs} ms`);
  }
  old.close();
}

console.log("\n3. One port for all: HTTP/1.1, HTTP/2, gRPC and Connect");
{
  await using server = await serve(narrator, { port: 0, grpc: "shared" });
  await using http2 = http2Agent(server.url);
  await using grpc = grpcAgent(server.url);
  const remotes = {
    "HTTP/1.1": httpAgent(server.url),
    "HTTP/2": http2,
    gRPC: grpc,
    Connect: rpcAgent(server.url),
  };
  for (const [protocol, remote] of Object.entries(remotes)) {
    console.log(`  ${protocol}: ${text(await remote.process(message("user", "a frame")))}`);
  }
}

console.log("\n4. HTTP/3: on Bun, both sides; behind a proxy, everywhere");
{
  const { TLS_CERT, TLS_KEY } = process.env;
  if (TLS_CERT !== undefined && TLS_KEY !== undefined) {
    const tls = { cert: readFileSync(TLS_CERT, "utf8"), key: readFileSync(TLS_KEY, "utf8") };
    await using server = await serve(narrator, { port: 0, tls, http3: true });
    const remote = http3Agent(server.url);
    for await (const chunk of remote.stream(message("user", "a datagram"))) {
      console.log(`  ${text(chunk)}`);
    }
  } else {
    try {
      http3Agent("h3://agents.example");
      console.log("  This runtime speaks HTTP/3: name a certificate to see it");
    } catch (error) {
      console.log(`  ${(error as AgenkitError).code}: ${(error as Error).message}`);
    }
  }
}
