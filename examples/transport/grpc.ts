/**
 * Agents over gRPC: one served and called, a conversation over one RPC, errors
 * and deadlines, and how gRPC's own tools and browsers see the same agents.
 *
 * Runs on Deno, and on Node and Bun where "@agenkit/agenkit" is installed.
 */
import { AgenkitError, agent, delay, type Message, message, text } from "@agenkit/agenkit";
import { grpcAgent } from "@agenkit/agenkit/grpc";
import { rpcAgent } from "@agenkit/agenkit/rpc";
import { serve } from "@agenkit/agenkit/serve";

const translator = agent({
  name: "translator",
  process: (m) => {
    if (text(m) === "") throw new AgenkitError("invalid_argument", "There is nothing to translate");
    return { content: text(m).toUpperCase(), metadata: { words: text(m).split(" ").length } };
  },
  async *stream(m, call) {
    try {
      for (const word of text(m).split(" ")) {
        await delay(10, { signal: call.signal! });
        yield `${word.toUpperCase()} `;
      }
    } catch (reason) {
      console.log(`  the agent was stopped: ${(reason as Error).name}`);
    }
  },
});

// HTTP, Connect and gRPC-Web at one port, gRPC at another; `grpc: "shared"` has all at one.
await using server = await serve(translator, { port: 0, grpc: { port: 0 } });
const [http, grpc] = server.endpoints;
await using remote = grpcAgent(grpc!, { name: "translator" });

console.log("1. Called like any other agent: at once, bit by bit, and stopped by leaving the loop");
{
  const answer = await remote.process(message("user", "hello over there"));
  console.log(
    `  ${text(answer)}, ${answer.metadata.words} words (a ${typeof answer.metadata.words})`,
  );
  let streamed = "";
  for await (const chunk of remote.stream(message("user", "word by word"))) streamed += text(chunk);
  console.log(`  ${streamed}`);
  for await (const chunk of remote.stream(message("user", "only the first of these"))) {
    console.log(`  ${text(chunk)}... enough`);
    break;
  }
  await delay(50);
}

console.log("\n2. A conversation over one RPC: each answer may lead to the next question");
{
  let next = "a";
  const questions = async function* (): AsyncGenerator<Message> {
    while (next.length < 4) yield message("user", next);
  };
  for await (const answer of remote.converse(questions(), { maxConcurrent: 1 })) {
    console.log(`  ${text(answer)}`);
    next += text(answer).at(-1)!.toLowerCase();
  }
}

console.log("\n3. Errors keep their code, deadlines reach the agent");
{
  const failure = await remote.process(message("user", "")).catch((error) => error);
  console.log(`  ${failure.name} ${failure.code}: ${failure.message}`);
  const late = await Array.fromAsync(
    remote.stream(message("user", "these words take too long"), {
      deadline: performance.now() + 25,
    }),
  ).catch((error) => error);
  console.log(`  ${late.name} ${late.code}`);
  await delay(50);
}

console.log("\n4. The same agents for browsers (gRPC-Web, Connect), for curl and for gRPC's tools");
{
  for (const protocol of ["connect", "grpc-web"] as const) {
    const page = rpcAgent(http!, { protocol });
    console.log(`  ${protocol}: ${text(await page.process(message("user", "hello")))}`);
  }
  const response = await fetch(`${http}/agenkit.AgentService/Process`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ messages: [{ role: "user", content: "plain json" }] }),
  });
  console.log(`  JSON: ${(await response.json()).message.content}`);
  const health = await fetch(`${http}/grpc.health.v1.Health/Check`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  console.log(`  health: ${(await health.json()).status}`);
  console.log(`  grpcurl -plaintext ${new URL(grpc!).host} list`);
}
