import type { AgentRegistry } from "../registry/agent_registry.ts";
import { agentRegistry } from "../registry/registry.ts";
import { shownUrl } from "../transport/url.ts";
import { UsageError } from "./io.ts";

/** A registry that others share, and how it is let go of. */
export interface OpenRegistry {
  readonly registry: AgentRegistry;
  close(): Promise<void>;
}

/**
 * Opens the registry at a URL, and loads what that needs.
 *
 * @throws {UsageError} If the URL is of no kind that is known.
 */
export async function openRegistry(url: string): Promise<OpenRegistry> {
  if (!/^rediss?:\/\//i.test(url)) {
    throw new UsageError(`--registry must be a redis:// or rediss:// URL, got "${shownUrl(url)}"`);
  }
  const { redisStore } = await import("../registry/redis/store.ts");
  const store = redisStore({ url });
  const registry = agentRegistry({ store });
  return {
    registry,
    async close() {
      await registry.close();
      await store.close();
    },
  };
}
