import { Code, ConnectError } from "@connectrpc/connect";
import type { CallOptions } from "../../core/call.ts";
import { TimeoutError } from "../../core/errors.ts";
import { LinkedSignal, onAbort } from "../../core/signals.ts";
import type { CallContext } from "./call_context.ts";

/** The signal of an RPC as agents know it: it tells a deadline from a client that left. */
export class CallLink {
  readonly #link = new LinkedSignal();
  readonly #unwatch: () => void;
  /** Call options with that signal. */
  readonly source: CallOptions;

  /** @param onEnd Runs when the RPC ends before its call has. */
  constructor(context: CallContext, onEnd: () => void = () => {}) {
    this.source = this.#link.options(undefined);
    const timeoutMs = context.timeoutMs();
    this.#unwatch = onAbort(context.signal, () => {
      this.#link.abort(reasonOf(context.signal.reason, timeoutMs));
      onEnd();
    });
  }

  /** Whether the RPC has ended. */
  get aborted(): boolean {
    return this.#link.aborted;
  }

  /** Stops whatever still runs: the RPC is over, and may not have said so yet. */
  end(): void {
    this.#link.abort(new DOMException("The client has left", "AbortError"));
    this.release();
  }

  /** Lets go of the RPC. */
  release(): void {
    this.#unwatch();
    this.#link.release();
  }
}

function reasonOf(reason: unknown, timeoutMs: number | undefined): unknown {
  if (reason instanceof ConnectError && reason.code === Code.DeadlineExceeded) {
    return new TimeoutError("The deadline of the client has passed", {
      ...(timeoutMs === undefined ? undefined : { timeoutMs }),
    });
  }
  return new DOMException("The client has left", "AbortError");
}
