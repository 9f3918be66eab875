/**
 * Our client in a process of its own, on Deno, Node and Bun alike, driven as the
 * other peers are: it prints `READY 0`, reads one case a line and writes one
 * result a line.
 *
 *     call_agents.ts
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { codeOf, delay, type Message, message } from "../../mod.ts";
import type { Case } from "./peers.ts";
import { clientOf } from "./clients.ts";

async function run(testCase: Case): Promise<Record<string, unknown>> {
  const started = performance.now();
  const elapsed = () => Math.round(performance.now() - started);
  const result: Record<string, unknown> = {};
  const client = clientOf(testCase);
  const request = (suffix = "") => {
    const { role = "user", content = "", metadata = {} } = testCase.message ?? {};
    return message(role, suffix === "" ? content : `${content}${suffix}`, metadata);
  };
  const messages: Message[] = [];
  const arrivals: number[] = [];
  const leaving = new AbortController();
  const call = {
    ...(testCase.deadline_ms === undefined
      ? undefined
      : { deadline: performance.now() + testCase.deadline_ms }),
    signal: leaving.signal,
  };
  if (testCase.leave_ms !== undefined) {
    setTimeout(() => leaving.abort(new Error("left on purpose")), testCase.leave_ms);
  }
  try {
    if (testCase.op === "process") {
      const { concurrent, repeat, pause_ms = 0 } = testCase;
      const calls = concurrent === undefined ? [client.process(request(), call)] : Array.from(
        { length: concurrent },
        (_, index) => client.process(request(` #${index}`), call),
      );
      messages.push(...await Promise.all(calls));
      for (let index = 1; index < (repeat ?? 1); index++) {
        await delay(pause_ms);
        messages.push(await client.process(request(), call));
      }
    } else if (testCase.op === "bidi") {
      if (client.converse === undefined) throw new Error("this client has no conversations");
      const requests = Array.from(
        { length: testCase.count ?? 1 },
        (_, index) => request(` #${index}`),
      );
      for await (const answer of client.converse(requests, call)) messages.push(answer);
    } else {
      for await (const chunk of client.stream(request(), call)) {
        messages.push(chunk);
        arrivals.push(elapsed());
        if (messages.length === testCase.leave_after) break;
      }
    }
    result["ok"] = true;
  } catch (error) {
    Object.assign(result, {
      ok: false,
      error_type: codeOf(error) ?? (error as Error).name,
      error: (error as Error).message,
    });
  } finally {
    await client.close?.();
  }
  return {
    ...result,
    messages: messages.map(({ role, content, metadata, timestamp }) => ({
      role,
      content,
      metadata,
      timestamp,
    })),
    arrivals_ms: arrivals,
    elapsed_ms: elapsed(),
  };
}

console.log("READY 0");
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await run(JSON.parse(line) as Case)));
}
process.exit(0);
