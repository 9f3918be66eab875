import { type Agent, assertAgent, type Middleware, type StreamingAgent } from "./agent.ts";
import { describe } from "./json.ts";

/**
 * Wraps an agent in middleware. **The first is the outermost**: it sees the
 * call first and the answer last.
 *
 * @example
 * ```ts
 * import { agent, message, type Middleware, text, wrap } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const mark = (sign: string): Middleware => (next) => ({
 *   name: next.name,
 *   process: async (m, call) => {
 *     const answer = await next.process(m, call);
 *     return answer.with({ content: sign + text(answer) + sign });
 *   },
 * });
 * const echo = wrap(agent("echo", (m) => text(m)), mark("*"), mark("_"));
 * assert.equal(text(await echo.process(message("user", "hi"))), "*_hi_*");
 * ```
 *
 * @throws {TypeError} If something given is not an agent or not a middleware.
 */
export function wrap(target: StreamingAgent, ...middleware: Middleware[]): StreamingAgent;
/** Wraps an agent that may or may not stream. */
export function wrap(target: Agent, ...middleware: Middleware[]): Agent;
export function wrap(target: Agent, ...middleware: Middleware[]): Agent {
  assertAgent(target, "Cannot wrap");
  let wrapped = target;
  for (let i = middleware.length - 1; i >= 0; i--) {
    const layer = middleware[i];
    if (typeof layer !== "function") {
      throw new TypeError(
        `Cannot wrap agent '${target.name}': middleware ${i} must be a function, got ${
          describe(layer)
        }`,
      );
    }
    wrapped = layer(wrapped);
    assertAgent(wrapped, `Cannot wrap agent '${target.name}' with middleware ${i}`);
  }
  return wrapped;
}

/** What a middleware does with calls; what it leaves out is passed through. */
export interface Layer {
  /** Takes the place of the inner agent's `process`. */
  readonly process: NonNullable<Agent["process"]>;
  /** Takes the place of the inner agent's `stream`, where that has one. */
  readonly stream: NonNullable<Agent["stream"]>;
}

/**
 * Makes the agent that a middleware returns: the inner agent's name and
 * capabilities, and a `stream` exactly when the inner agent has one.
 *
 * @param next The inner agent.
 * @param owner The middleware's name, for error messages.
 * @param layer What it does with calls.
 * @throws {TypeError} If `next` is not an agent.
 */
export function layered(next: Agent, owner: string, layer: Layer): Agent {
  assertAgent(next, `Cannot apply ${owner}`);
  return next.stream === undefined ? new Layered(next, layer) : new StreamingLayered(next, layer);
}

class Layered implements Agent {
  readonly process: NonNullable<Agent["process"]>;
  readonly #next: Agent;

  constructor(next: Agent, layer: Layer) {
    this.#next = next;
    this.process = layer.process;
  }

  get name(): string {
    return this.#next.name;
  }

  get capabilities(): readonly string[] {
    return this.#next.capabilities ?? [];
  }
}

class StreamingLayered extends Layered implements StreamingAgent {
  readonly stream: NonNullable<Agent["stream"]>;

  constructor(next: Agent, layer: Layer) {
    super(next, layer);
    this.stream = layer.stream;
  }
}
