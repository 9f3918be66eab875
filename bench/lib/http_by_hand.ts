/**
 * A call over HTTP as careful programs write it by hand: the runtime's own
 * server and `fetch`, with a time limit that travels, and limits on sizes.
 * That is what agenkit does for one, so the difference is what agenkit costs.
 *
 * @module
 */
import { envelope, said } from "./wire.ts";

const JSON_TYPE = "application/json";
const TIMEOUT_HEADER = "agenkit-timeout-ms";
const TIMEOUT_MS = 30_000;
const MAX_BYTES = 10 * 1024 * 1024;

/** Starts a server, and gives what calls it. It does not keep the process alive. */
export function startByHand(): (content: string) => Promise<string> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  server.unref();
  const url = `http://127.0.0.1:${server.addr.port}/process`;
  return async (content) => {
    const id = crypto.randomUUID();
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": JSON_TYPE, [TIMEOUT_HEADER]: String(TIMEOUT_MS) },
      body: envelope("request", id, { method: "process", ...said("user", content) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.status !== 200) throw new Error(`HTTP ${response.status}`);
    const answered = JSON.parse(await readText(response));
    if (answered.id !== id || answered.type !== "response") throw new Error("another answer");
    return String(answered.payload.message.content);
  };
}

async function answer(request: Request): Promise<Response> {
  const { headers } = request;
  if (request.method !== "POST") return new Response(null, { status: 405 });
  if (!headers.get("content-type")?.startsWith(JSON_TYPE)) {
    return new Response(null, { status: 415 });
  }
  const timeoutMs = Math.min(Number(headers.get(TIMEOUT_HEADER) ?? TIMEOUT_MS), TIMEOUT_MS);
  const { id, payload } = JSON.parse(await readText(request));
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("too late")), timeoutMs);
  try {
    const content = await Promise.race([echo(String(payload.message.content)), late.promise]);
    return new Response(envelope("response", id, said("agent", content)), {
      headers: { "content-type": JSON_TYPE },
    });
  } finally {
    clearTimeout(timer);
  }
}

function echo(content: string): Promise<string> {
  return Promise.resolve(content);
}

async function readText(message: Request | Response): Promise<string> {
  const length = Number(message.headers.get("content-length"));
  if (length > MAX_BYTES) throw new Error("too large");
  return await message.text();
}
