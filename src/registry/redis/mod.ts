/**
 * A registry that several processes share, in Redis. It is apart from
 * `./registry`, since it loads a client for Redis, which needs sockets: Deno,
 * Bun and Node.
 *
 * @module
 */
export type { ClientTlsOptions } from "../../transport/tls.ts";
export { type RedisStore, redisStore, type RedisStoreOptions } from "./store.ts";
