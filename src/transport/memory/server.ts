import type { CallOptions } from "../../core/call.ts";
import type { Clock } from "../../core/clock.ts";
import { checkBoolean, checkClock, checkLimit, checkOptions } from "../../core/options.ts";
import { decodeEnvelope, EnvelopeError } from "../../protocol/decode.ts";
import { encodeError, encodeMessage, encodeStreamEnd } from "../../protocol/encode.ts";
import { UNKNOWN_ID } from "../../protocol/envelope.ts";
import { checkSize, MAX_MESSAGE_BYTES } from "../../protocol/limits.ts";
import { withoutToolCalls } from "../../protocol/trust.ts";
import { toAgenkitError } from "../../protocol/wire_error.ts";
import { AgentDirectory, type Agents } from "../directory.ts";
import { runProcess, StreamRun } from "../run.ts";

/** Options of {@linkcode memoryHandler}. */
export interface MemoryHandlerOptions {
  /** Which agent answers when a client names none. Default: the first. */
  readonly defaultAgent?: string | undefined;
  /** The most bytes of a request, an answer or a chunk. @default {10485760} */
  readonly maxBytes?: number | undefined;
  /** Whether tool calls in the metadata of requests reach the agents. @default {false} */
  readonly trustToolCalls?: boolean | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

const ACTION = "serve in memory";

/** Answers a request envelope with envelopes, each as JSON text: one, or those of a stream. */
export type MemoryHandler = (
  request: string,
  call: CallOptions,
) => AsyncGenerator<string, void, undefined>;

/**
 * Serves agents without a network: what goes in and out is the text that would
 * have crossed one.
 *
 * @throws {TypeError} If there is no agent or an option is of a wrong type.
 * @throws {RangeError} If an option is out of bounds.
 */
export function memoryHandler(agents: Agents, options: MemoryHandlerOptions = {}): MemoryHandler {
  checkOptions(ACTION, options);
  const directory = new AgentDirectory(agents, options.defaultAgent);
  const { trustToolCalls = false } = options;
  checkBoolean(ACTION, "trustToolCalls", trustToolCalls);
  const maxBytes = checkLimit(ACTION, "maxBytes", options.maxBytes ?? MAX_MESSAGE_BYTES);
  const clock = checkClock(ACTION, options.clock);

  return async function* (request, call) {
    let id = UNKNOWN_ID;
    let run: StreamRun | undefined;
    try {
      checkSize("The request", request, maxBytes);
      const envelope = decodeEnvelope(request);
      id = envelope.id;
      if (envelope.type !== "request") {
        throw new EnvelopeError(`Cannot read type: expected "request", got "${envelope.type}"`, id);
      }
      const agent = directory.choose(envelope.agentName);
      const message = trustToolCalls ? envelope.message : withoutToolCalls(envelope.message);
      const timeoutMs = call.deadline === undefined
        ? Number.POSITIVE_INFINITY
        : call.deadline - clock.now();
      const options = { signal: call, timeoutMs, values: call.values, clock };
      if (envelope.method !== "stream") {
        yield checked("response", id, await runProcess(agent, message, options), maxBytes);
        return;
      }
      run = new StreamRun(agent, message, options);
      for (;;) {
        const { value, done } = await run.next();
        if (done) break;
        yield checked("stream_chunk", id, value, maxBytes);
      }
      run = undefined;
      yield encodeStreamEnd(id);
    } catch (thrown) {
      run = undefined;
      if (call.signal?.aborted) throw call.signal.reason;
      yield encodeError(thrown instanceof EnvelopeError ? thrown.id : id, toAgenkitError(thrown));
    } finally {
      run?.stop(new DOMException("The client has left", "AbortError"));
    }
  };
}

function checked(
  type: "response" | "stream_chunk",
  id: string,
  message: Parameters<typeof encodeMessage>[2],
  maxBytes: number,
): string {
  const text = encodeMessage(type, id, message);
  checkSize("The answer", text, maxBytes);
  return text;
}
