import type { CallContext } from "./call_context.ts";
import type { Agent } from "../../core/agent.ts";
import { type Clock, systemClock } from "../../core/clock.ts";
import type { ContextValues } from "../../core/context.ts";
import { deadline } from "../../core/deadline.ts";
import { AgenkitError } from "../../core/errors.ts";
import type { Message } from "../../core/message.ts";
import { checkFunction, checkLimit } from "../../core/options.ts";
import type { Request as ProtoRequest } from "../../gen/agent_pb.ts";
import { withoutToolCalls } from "../../protocol/trust.ts";
import { toAgenkitError } from "../../protocol/wire_error.ts";
import { AgentDirectory, type Agents } from "../directory.ts";
import type { RunOptions } from "../run.ts";
import type { CallLink } from "./call_link.ts";
import { timeLeftOf } from "./deadlines.ts";
import type { RpcServerOptions } from "./options.ts";
import { toConnectError } from "./proto_error.ts";
import { readProtoMessage } from "./proto_message.ts";

/** What a request asks, of whom, and how it may run. */
export interface AgentCall {
  readonly agent: Agent;
  readonly message: Message;
  readonly run: RunOptions;
}

/** Reads the requests that a server gets. */
export class RequestReader {
  readonly #directory: AgentDirectory;
  readonly #options: RpcServerOptions;
  readonly #maxTimeoutMs: number;
  readonly #clock: Clock;

  /**
   * @param action What cannot be done; begins the text of errors about options.
   * @throws {TypeError} If there is no agent, or an option is not valid.
   */
  constructor(action: string, agents: Agents, options: RpcServerOptions) {
    this.#directory = new AgentDirectory(agents, options.defaultAgent);
    this.#options = options;
    this.#maxTimeoutMs = checkLimit(action, "maxTimeoutMs", options.maxTimeoutMs ?? 600_000);
    checkFunction(action, "context", options.context);
    this.#clock = options.clock ?? systemClock;
  }

  /** @throws {ConnectError} If a request asks for what cannot be, or is refused. */
  async read(request: ProtoRequest, context: CallContext, link: CallLink): Promise<AgentCall> {
    try {
      const timeoutMs = Math.min(timeLeftOf(context, this.#clock) ?? Infinity, this.#maxTimeoutMs);
      const values = await this.#valuesOf(context, timeoutMs);
      const [first] = request.messages;
      if (first === undefined) {
        throw new AgenkitError(
          "invalid_argument",
          "Cannot read the request: expected a message in 'messages', got none",
        );
      }
      const read = readProtoMessage(first, "user", this.#options.parseContent);
      return {
        agent: this.#directory.choose(request.agentName || undefined) as Agent,
        message: this.#options.trustToolCalls ? read : withoutToolCalls(read),
        run: { signal: link.source, timeoutMs, values, clock: this.#clock },
      };
    } catch (thrown) {
      throw toConnectError(toAgenkitError(thrown));
    }
  }

  async #valuesOf(
    context: CallContext,
    timeoutMs: number,
  ): Promise<ContextValues | undefined> {
    const make = this.#options.context;
    if (make === undefined) return undefined;
    const request = new Request(context.url, { headers: context.requestHeader });
    return await deadline((async () => await make(request))(), timeoutMs, { clock: this.#clock });
  }
}
