import type { CallOptions } from "../core/call.ts";
import { AgenkitError } from "../core/errors.ts";
import type { Message } from "../core/message.ts";
import type { Endpoint } from "./endpoint.ts";
import type { RegistryAgent } from "./registry_agent.ts";

/** An agent that several holders have, and how many. */
interface Shared {
  readonly agent: RegistryAgent;
  holders: number;
}

/**
 * The agents of names that were asked for without options. Whoever asks for
 * one with each call shares its connections with those before, and need not
 * close it.
 */
export class SharedAgents {
  readonly #make: (name: string) => RegistryAgent;
  readonly #agents = new Map<string, Shared>();

  /** @param make Makes the agent of a name. */
  constructor(make: (name: string) => RegistryAgent) {
    this.#make = make;
  }

  /** An agent of a name, to be closed without closing it for others. */
  of(name: string): RegistryAgent {
    let shared = this.#agents.get(name);
    if (shared === undefined) {
      this.#agents.set(name, shared = { agent: this.#make(name), holders: 0 });
    }
    const { agent } = shared;
    shared.holders++;
    return new HeldAgent(agent, async () => {
      if (--shared.holders > 0) return;
      this.#agents.delete(name);
      await agent.close();
    });
  }
}

/** A holder's own view of an agent. */
class HeldAgent implements RegistryAgent {
  readonly name: string;
  readonly #agent: RegistryAgent;
  readonly #release: () => Promise<void>;
  #closing: Promise<void> | undefined;

  constructor(agent: RegistryAgent, release: () => Promise<void>) {
    this.name = agent.name;
    this.#agent = agent;
    this.#release = release;
  }

  get capabilities(): readonly string[] {
    return this.#agent.capabilities;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#agent.endpoints;
  }

  async process(message: Message, call?: CallOptions): Promise<Message> {
    this.#refuseClosed();
    return await this.#agent.process(message, call);
  }

  async *stream(message: Message, call?: CallOptions): AsyncGenerator<Message, void, undefined> {
    this.#refuseClosed();
    yield* this.#agent.stream(message, call);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #refuseClosed(): void {
    if (this.#closing === undefined) return;
    throw new AgenkitError(
      "failed_precondition",
      `Cannot call agent '${this.name}': it was closed`,
    );
  }
}
