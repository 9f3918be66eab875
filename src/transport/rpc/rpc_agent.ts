import type { StreamingAgent } from "../../core/agent.ts";
import type { CallOptions } from "../../core/call.ts";
import type { Message } from "../../core/message.ts";
import { ChunkType } from "../../gen/agent_pb.ts";
import { endsInTime } from "../ends_in_time.ts";
import type { RpcCaller } from "./rpc_caller.ts";

/** An agent whose calls are RPCs. */
export class RpcAgent implements StreamingAgent {
  readonly name: string;
  readonly capabilities: readonly string[];
  readonly #caller: RpcCaller;

  constructor(caller: RpcCaller) {
    this.#caller = caller;
    this.name = caller.name;
    this.capabilities = caller.capabilities;
  }

  async process(message: Message, call: CallOptions = {}): Promise<Message> {
    const caller = this.#caller;
    const exchange = caller.begin(call);
    try {
      exchange.limit(caller.timeoutMs);
      const request = caller.request("process", message);
      const response = await caller.process(exchange, call, request);
      return caller.answers.response(response, request.id);
    } catch (error) {
      throw caller.errorOf(error, exchange, "process");
    } finally {
      exchange.end();
    }
  }

  async *stream(
    message: Message,
    call: CallOptions = {},
  ): AsyncGenerator<Message, void, undefined> {
    const caller = this.#caller;
    const exchange = caller.begin(call);
    let finished = false;
    try {
      exchange.limit(caller.timeoutMs);
      const request = caller.request("stream", message);
      const chunks = await caller.stream(exchange, call, request);
      for (;;) {
        const { value, done } = await exchange.wait(chunks.next());
        if (done) throw caller.answers.endedEarly("an END or ERROR chunk");
        if (value.type === ChunkType.END || value.type === ChunkType.ERROR) {
          exchange.pause();
          finished = await endsInTime(chunks, caller.clock);
        }
        const chunk = caller.answers.chunk(value, request.id);
        if (chunk === undefined) return;
        // The consumer's time is its own.
        exchange.pause();
        yield chunk;
        exchange.limit(caller.timeoutMs);
      }
    } catch (error) {
      throw caller.errorOf(error, exchange, "stream");
    } finally {
      // However it ended, nothing more is to be read. The RPC library does not see a consumer leave.
      exchange.end(!finished);
    }
  }
}
