/**
 * Measures what idle connections over TCP cost their server.
 *
 * @module
 */
import { measureIdle } from "./lib/idle_memory.ts";

const script = new URL("lib/idle_sockets.ts", import.meta.url).pathname;
await measureIdle("socket/memory of 10,000 idle connections", script);
