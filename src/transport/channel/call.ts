import type { Agent } from "../../core/agent.ts";
import type { ContextValues } from "../../core/context.ts";
import type { Message } from "../../core/message.ts";
import { decodeEnvelope, EnvelopeError } from "../../protocol/decode.ts";
import { encodeMessage } from "../../protocol/encode.ts";
import type { RequestEnvelope } from "../../protocol/envelope.ts";
import { checkSize } from "../../protocol/limits.ts";
import { withoutToolCalls } from "../../protocol/trust.ts";
import type { RunOptions } from "../run.ts";
import type { ChannelSettings } from "./server.ts";

/**
 * Reads what a client has sent.
 *
 * @throws {EnvelopeError} If it is no request for one of the two methods.
 */
export function decodeRequest(text: string): RequestEnvelope {
  const envelope = decodeEnvelope(text);
  const { type, id } = envelope;
  if (type !== "request") {
    throw new EnvelopeError(`Cannot read type: expected "request", got "${type}"`, id);
  }
  if (envelope.method === "process" || envelope.method === "stream") return envelope;
  throw new EnvelopeError(
    `Cannot read payload.method: expected "process" or "stream", got ${
      JSON.stringify(envelope.method)
    }`,
    id,
  );
}

/** A request as it is handed to an agent. */
export interface PreparedCall {
  /** Who answers. */
  readonly agent: Agent;
  /** What is asked. */
  readonly message: Message;
  /** How long it may take, and who may end it. */
  readonly options: RunOptions;
}

/** Chooses the agent of a request, caps its time, and takes out what is not trusted. */
export function prepareCall(
  request: RequestEnvelope,
  settings: ChannelSettings,
  signal: AbortSignal,
  values: ContextValues | undefined,
): PreparedCall {
  const { directory, trustToolCalls, maxTimeoutMs, clock } = settings;
  const { agentName, message, timeoutMs = Number.POSITIVE_INFINITY } = request;
  return {
    agent: directory.choose(agentName),
    message: trustToolCalls ? message : withoutToolCalls(message),
    options: { signal, timeoutMs: Math.min(timeoutMs, maxTimeoutMs), values, clock },
  };
}

/**
 * Writes an answer.
 *
 * @throws {AgenkitError} `resource_exhausted`, if it is too large.
 */
export function encodeAnswer(
  type: "response" | "stream_chunk",
  id: string,
  message: Message,
  { content, maxBytes }: ChannelSettings,
): string {
  const text = encodeMessage(type, id, message, content);
  checkSize(type === "response" ? "The answer" : "A chunk", text, maxBytes);
  return text;
}

/** Sends, and tells of a peer that does not take it in time. */
export async function sendInTime<Args extends unknown[]>(
  channel: { send(...args: Args): Promise<void>; readonly congested?: boolean | undefined },
  args: Args,
  { clock, sendTimeoutMs }: ChannelSettings,
  onLate: (reason: string) => void,
): Promise<void> {
  const sending = channel.send(...args);
  // Hardly ever does a send wait, and a timer costs something.
  if (channel.congested === false) return await sending;
  const timer = clock.schedule(
    clock.now() + sendTimeoutMs,
    () => onLate(`The client did not take an envelope within ${sendTimeoutMs} ms`),
  );
  try {
    await sending;
  } finally {
    timer.cancel();
  }
}
