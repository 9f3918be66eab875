/**
 * The agent that tests of RPC call, and both sides joined without a network.
 *
 * @module
 */
import {
  agent,
  type CallOptions,
  delay,
  type Message,
  type StreamingAgent,
  text,
} from "../../../../mod.ts";
import {
  rpcAgent,
  type RpcAgentOptions,
  type RpcHandler,
  rpcHandler,
  type RpcHandlerOptions,
} from "../../../../src/transport/rpc/mod.ts";

/** What an agent of these tests has seen. */
export interface Seen {
  /** The signals of its calls. */
  readonly signals: AbortSignal[];
  /** What it was asked. */
  readonly messages: Message[];
  /** The time its calls had, in milliseconds. */
  readonly timesLeft: (number | undefined)[];
  /** Streams that ended, and whether they were cancelled. */
  readonly ended: boolean[];
}

/** An agent that echoes, and does what its content says: `fail`, `slow`, `hang`, `hang after N`. */
export function echoAgent(seen: Partial<Seen> = {}): StreamingAgent {
  const note = (message: Message, call: CallOptions) => {
    seen.messages?.push(message);
    if (call.signal !== undefined) seen.signals?.push(call.signal);
    seen.timesLeft?.push(
      call.deadline === undefined ? undefined : call.deadline - performance.now(),
    );
  };
  return agent({
    name: "echo",
    async process(message, call) {
      note(message, call);
      if (text(message) === "fail") throw new Error("the agent failed on purpose");
      if (text(message) === "slow") await delay(50, { signal: call.signal! });
      if (text(message).startsWith("hang")) await delay(60_000, { signal: call.signal! });
      return { role: "agent", content: message.content, metadata: message.metadata };
    },
    async *stream(message, call) {
      note(message, call);
      const said = text(message);
      let complete = false;
      try {
        for (let i = 0; i < 3; i++) {
          if (said === `hang after ${i}`) await delay(60_000, { signal: call.signal! });
          if (said === `fail after ${i}`) throw new Error("the stream broke on purpose");
          yield `${said} ${i}`;
        }
        complete = true;
      } finally {
        seen.ended?.push(complete);
      }
    },
  });
}

/** A client that calls a handler without a network. */
export function joined(
  handler: RpcHandler | ((request: Request) => Promise<Response>),
  options: RpcAgentOptions = {},
): StreamingAgent {
  return rpcAgent("http://localhost", {
    fetch: (url, init) => handler(new Request(url, init)),
    ...options,
  });
}

/** Both sides of a protocol. */
export function pair(
  protocol: "connect" | "grpc-web",
  served: Parameters<typeof rpcHandler>[0] = echoAgent(),
  options: { readonly server?: RpcHandlerOptions; readonly client?: RpcAgentOptions } = {},
): { handler: RpcHandler; remote: StreamingAgent } {
  const handler = rpcHandler(served, options.server);
  return { handler, remote: joined(handler, { protocol, ...options.client }) };
}

/** Waits until something holds that happens on its own, for at most 10 seconds. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (holds()) return;
    await delay(10);
  }
  throw new Error(`gave up waiting for ${what}`);
}
