import type { Agent } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import type { Message } from "../core/message.ts";

/** A call of the agent that several callers may share. */
export interface Flight {
  /** What is asked. */
  readonly request: Message;
  /** For whom. */
  readonly tenant: string | undefined;
  /** Whether the answer must not be kept, since it was invalidated meanwhile. */
  voided: boolean;
}

/** What a flight is started with. */
export interface FlightInit {
  /** The agent to call. */
  readonly next: Agent;
  /** What is asked. */
  readonly request: Message;
  /** For whom. */
  readonly tenant: string | undefined;
  /** The first caller's options. Its values and deadline travel with the call, not its signal. */
  readonly call: CallOptions | undefined;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Takes the complete answer, before anybody else learns of it. */
  readonly keep: (messages: readonly Message[]) => void;
  /** Runs once, as soon as nobody should join any more: it has ended, or all have left. */
  readonly close: () => void;
}
