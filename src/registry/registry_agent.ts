import { type StreamingAgent, streamOf } from "../core/agent.ts";
import { neverBegan, NOT_BEGUN } from "../core/begun.ts";
import type { CallOptions } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AgenkitError, codeOf } from "../core/errors.ts";
import { describe } from "../core/json.ts";
import type { Message } from "../core/message.ts";
import { throwIfAborted } from "../core/signals.ts";
import { shownUrl } from "../transport/url.ts";
import type { CalledEndpoint, Endpoint, EndpointClient } from "./endpoint.ts";
import { Endpoints } from "./endpoints.ts";
import { textOf } from "./error_text.ts";
import {
  type RegistryAgentOptions,
  type RegistryAgentPolicy,
  registryAgentPolicy,
} from "./registry_agent_options.ts";
import type { View } from "./view.ts";

/** An agent that is looked up at each call. Made by `AgentRegistry.agent`. */
export interface RegistryAgent extends StreamingAgent, AsyncDisposable {
  /** What those at the known endpoints can do, each thing once. */
  readonly capabilities: readonly string[];
  /** The endpoints, as of the last call. */
  readonly endpoints: readonly Endpoint[];
  /** Closes its connections: calls that run on them fail, and so do later ones. */
  close(): Promise<void>;
}

/** What an agent needs of its registry. */
export interface RegistryAgentContext {
  readonly view: View;
  readonly clock: Clock;
  readonly random: () => number;
  onClose(): void;
}

/**
 * Makes an agent of a name.
 *
 * @throws {TypeError} If an option is of a wrong type.
 * @throws {RangeError} If an option is out of bounds.
 */
export function makeRegistryAgent(
  name: string,
  options: RegistryAgentOptions,
  context: RegistryAgentContext,
): RegistryAgent {
  const policy = registryAgentPolicy(options, context.clock, context.random);
  return new NamedAgent(name, policy, context);
}

class NamedAgent implements RegistryAgent {
  readonly name: string;
  readonly #policy: RegistryAgentPolicy;
  readonly #context: RegistryAgentContext;
  readonly #endpoints: Endpoints;
  #closing: Promise<void> | undefined;

  constructor(name: string, policy: RegistryAgentPolicy, context: RegistryAgentContext) {
    this.name = name;
    this.#policy = policy;
    this.#context = context;
    this.#endpoints = new Endpoints(policy);
  }

  get capabilities(): readonly string[] {
    const all = this.#endpoints.current.flatMap(({ registration }) => registration.capabilities);
    return Object.freeze([...new Set(all)]);
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints.current;
  }

  async process(message: Message, call?: CallOptions): Promise<Message> {
    const tried = new Set<CalledEndpoint>();
    for (;;) {
      const endpoint = await this.#choose(tried, call);
      try {
        const answer = await this.#client(endpoint).process(message, call);
        endpoint.answered();
        return answer;
      } catch (error) {
        if (!this.#goesOn(error, endpoint, tried, call)) throw error;
      } finally {
        endpoint.end();
      }
    }
  }

  async *stream(message: Message, call?: CallOptions): AsyncGenerator<Message, void, undefined> {
    const tried = new Set<CalledEndpoint>();
    for (;;) {
      const endpoint = await this.#choose(tried, call);
      let begun = false;
      try {
        for await (const chunk of streamOf(this.#client(endpoint), message, call)) {
          begun = true;
          yield chunk;
        }
        endpoint.answered();
        return;
      } catch (error) {
        if (!this.#goesOn(error, endpoint, tried, call) || begun) throw error;
      } finally {
        endpoint.end();
      }
    }
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#context.onClose();
    await this.#endpoints.close();
  }

  /** The endpoint for the next attempt, which counts as running there from now on. */
  async #choose(tried: Set<CalledEndpoint>, call?: CallOptions): Promise<CalledEndpoint> {
    throwIfAborted(call);
    this.#refuseClosed();
    const { view } = this.#context;
    const all = this.#endpoints.of(await view.of(this.name, call));
    this.#refuseClosed();
    const untried = tried.size === 0 ? all : all.filter((one) => !tried.has(one));
    if (untried.length === 0) throw this.#nobody(view.error);
    const available = untried.filter((one) => one.available);
    // If none is healthy, a call that probably fails is better than one that certainly does.
    const candidates = available.length === 0 ? untried : available;
    const chosen = this.#policy.balance(candidates) as CalledEndpoint;
    if (candidates.includes(chosen)) {
      // At once: of many calls that come together, each has to see those before it.
      chosen.begin();
      return chosen;
    }
    throw new TypeError(
      `Cannot call agent '${this.name}' as 'balance' must return one of the endpoints it is ` +
        `given: it returned ${describe(chosen)}`,
    );
  }

  #client(endpoint: CalledEndpoint): EndpointClient {
    try {
      return endpoint.client;
    } catch (cause) {
      const { endpoint: url } = endpoint.registration;
      throw new AgenkitError(
        "unavailable",
        `Cannot call agent '${this.name}' at ${shownUrl(url)}: ${textOf(cause)}`,
        { cause, details: NOT_BEGUN, retryable: false },
      );
    }
  }

  /** Notes how an attempt has failed. Tells whether there shall be another one. */
  #goesOn(
    error: unknown,
    endpoint: CalledEndpoint,
    tried: Set<CalledEndpoint>,
    call: CallOptions | undefined,
  ): boolean {
    // A call that was called off says nothing about the endpoint.
    throwIfAborted(call);
    const { isEndpointFailure, failover, maxAttempts, onFailover, clock } = this.#policy;
    if (isEndpointFailure(error)) endpoint.failed();
    else endpoint.answered();
    tried.add(endpoint);
    const mayGoOn = failover !== "never" &&
      (neverBegan(error) || (failover === "unavailable" && codeOf(error) === "unavailable"));
    if (
      !mayGoOn || tried.size >= maxAttempts ||
      (call?.deadline !== undefined && clock.now() >= call.deadline) ||
      this.#endpoints.current.every((one) => tried.has(one as CalledEndpoint))
    ) return false;
    const { registration } = endpoint;
    try {
      onFailover?.({ agent: this.name, registration, error, attempt: tried.size });
    } catch {
      // Observing is the observer's own affair.
    }
    return true;
  }

  #nobody(storeError: { readonly reason: unknown } | undefined): AgenkitError {
    const cause = storeError?.reason;
    return new AgenkitError(
      "unavailable",
      `No endpoint of agent '${this.name}' is registered` +
        (storeError === undefined
          ? ""
          : `, as far as is known: the registry cannot be reached: ${textOf(cause)}`),
      { cause, details: NOT_BEGUN },
    );
  }

  #refuseClosed(): void {
    if (this.#closing === undefined) return;
    throw new AgenkitError(
      "failed_precondition",
      `Cannot call agent '${this.name}': it was closed`,
    );
  }
}
