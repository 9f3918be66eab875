/**
 * Measures what idle WebSockets cost their server.
 *
 * @module
 */
import { measureIdle } from "./lib/idle_memory.ts";

const script = new URL("lib/idle_websockets.ts", import.meta.url).pathname;
await measureIdle("websocket/memory of 10,000 idle connections", script);
