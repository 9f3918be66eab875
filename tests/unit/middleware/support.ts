import { type Agent, agent } from "../../../src/core/agent.ts";
import type { CallOptions } from "../../../src/core/call.ts";
import { type Message, message } from "../../../src/core/message.ts";

/** A message to ask with. */
export const ask: Message = message("user", "question");

/** An agent that runs through a script: throws what is an error, answers with the rest. */
export function scripted(...script: unknown[]): Agent & { readonly calls: CallOptions[] } {
  const calls: CallOptions[] = [];
  const inner = agent("scripted", (_, call) => {
    const step = script[Math.min(calls.push(call) - 1, script.length - 1)];
    if (step instanceof Error) throw step;
    return String(step);
  });
  return Object.assign(inner, { calls });
}

/** Lets all promise jobs run. */
export async function tick(): Promise<void> {
  for (let i = 0; i < 100; i++) await null;
}

/** What a promise is rejected with. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("Expected a rejection");
}
