import type { CallOptions } from "../../core/call.ts";
import type { Message } from "../../core/message.ts";
import { checkNumber } from "../../core/options.ts";
import { UNKNOWN_ID } from "../../protocol/envelope.ts";
import type { RpcCaller } from "../rpc/rpc_caller.ts";
import { Outbox } from "./outbox.ts";
import type { GrpcTransport } from "./transport.ts";

/** Options of a conversation. */
export interface ConverseOptions extends CallOptions {
  /**
   * How many messages may be without an answer. With 1 the next one is asked
   * for only when the answer to the last was read. @default {8}
   */
  readonly maxConcurrent?: number | undefined;
}

/**
 * Sends message after message over one RPC and yields their answers in order.
 * Only a transport that sends before all is said can do that, which `fetch` is not.
 *
 * @throws {RangeError} If `maxConcurrent` is out of bounds.
 */
export async function* converse(
  caller: RpcCaller,
  transport: GrpcTransport,
  messages: AsyncIterable<Message> | Iterable<Message>,
  call: ConverseOptions = {},
): AsyncGenerator<Message, void, undefined> {
  // The server has its time for each answer; the caller's own messages may take as long as they like.
  let reading = true;
  const limit = () => exchange.limit(outbox.waiting ? caller.timeoutMs : Infinity);
  const outbox = new Outbox(
    messages,
    checkNumber("converse", "maxConcurrent", call.maxConcurrent ?? 8, { min: 1, integer: true }),
    (message) => caller.request("process", message),
    () => reading && limit(),
  );
  const exchange = caller.begin(call);
  let finished = false;
  try {
    exchange.limit(Infinity);
    const headers = await caller.headers(exchange, call, "stream");
    const responses = await exchange.wait(
      transport.converse(outbox.requests(), headers, exchange.signal),
    );
    for (;;) {
      const { value, done } = await exchange.wait(responses.next());
      if (done) break;
      const answer = caller.answers.response(value, outbox.expected ?? UNKNOWN_ID);
      reading = false;
      exchange.pause();
      yield answer;
      outbox.answered();
      reading = true;
      limit();
    }
    finished = true;
    if (outbox.size > 0) throw caller.answers.endedEarly(`${outbox.size} more responses`);
  } catch (error) {
    // The library would make a status of what the caller's own source throws.
    throw outbox.failure === undefined
      ? caller.errorOf(error, exchange, "stream")
      : outbox.failure.error;
  } finally {
    exchange.end(!finished);
    outbox.close();
  }
}
