import { Code, ConnectError } from "@connectrpc/connect";
import { type Clock, systemClock } from "../../core/clock.ts";
import type { AgenkitError } from "../../core/errors.ts";
import { checkFunction } from "../../core/options.ts";
import { toAgenkitError } from "../../protocol/wire_error.ts";
import type { CallContext } from "./call_context.ts";
import type { CallLink } from "./call_link.ts";
import { shownError } from "../shown_error.ts";
import { DEADLINE_SLACK_MS, timeLeftOf } from "./deadlines.ts";
import type { RpcServerOptions } from "./options.ts";
import { ERRORS_AS_STATUS, ERRORS_HEADER, toConnectError } from "./proto_error.ts";

/** Tells clients of the failures of agents, in the way each understands. */
export class AgentFailures {
  readonly #errorText: RpcServerOptions["errorText"];
  readonly #clock: Clock;

  /**
   * @param action What cannot be done; begins the text of errors about options.
   * @throws {TypeError} If an option is not valid.
   */
  constructor(action: string, { errorText, clock }: RpcServerOptions) {
    checkFunction(action, "errorText", errorText);
    this.#errorText = errorText;
    this.#clock = clock ?? systemClock;
  }

  /**
   * The failure of an agent as an answer.
   *
   * @throws {ConnectError} For clients that asked for a status, or have a deadline that has passed.
   */
  answer(thrown: unknown, context: CallContext, link: CallLink): AgenkitError {
    const error = this.shown(thrown);
    if (
      error.code === "deadline_exceeded" &&
      (timeLeftOf(context, this.#clock) ?? Infinity) <= DEADLINE_SLACK_MS
    ) {
      // The client knows its own deadline: no detail has to say whose time it was.
      throw new ConnectError(error.message, Code.DeadlineExceeded);
    }
    if (context.requestHeader.get(ERRORS_HEADER) === ERRORS_AS_STATUS || link.aborted) {
      throw toConnectError(error);
    }
    return error;
  }

  /** The error as clients may see it. */
  shown(thrown: unknown): AgenkitError {
    return shownError(toAgenkitError(thrown), this.#errorText);
  }
}
