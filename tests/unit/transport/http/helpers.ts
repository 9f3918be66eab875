import assert from "node:assert/strict";

/** A request envelope as a raw client writes it, with parts replaced. */
export function envelope(changes: Record<string, unknown> = {}): string {
  return JSON.stringify({
    version: "1.0",
    type: "request",
    id: "req-1",
    payload: { method: "process", message: { role: "user", content: "hi", metadata: {} } },
    ...changes,
  });
}

/** A POST of an envelope. */
export function post(path: string, body: BodyInit, init: RequestInit = {}): Request {
  return new Request(`http://localhost${path}`, {
    method: "POST",
    body,
    ...init,
    headers: { "content-type": "application/json", ...init.headers as Record<string, string> },
  });
}

interface ErrorBody {
  readonly version: string;
  readonly type: string;
  readonly id: string;
  readonly timestamp: string;
  readonly payload: {
    readonly error_code: string;
    readonly error_message: string;
    readonly error_details: Record<string, unknown>;
  };
}

/** Checks that an answer is an error envelope, and gives its payload. */
export async function errorOf(
  response: Response,
  status: number,
  code: string,
): Promise<ErrorBody["payload"] & { id: string }> {
  const text = await response.text();
  assert.equal(response.status, status, text);
  assert.equal(response.headers.get("content-type"), "application/json");
  const body = JSON.parse(text) as ErrorBody;
  assert.equal(body.version, "1.0");
  assert.equal(body.type, "error");
  assert.match(body.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal(body.payload.error_code, code);
  return { ...body.payload, id: body.id };
}

/** The envelopes of a streamed answer. */
export async function eventsOf(response: Response): Promise<Record<string, unknown>[]> {
  const text = await response.text();
  return text.split("\n\n").filter((part) => part !== "").map((part) => {
    assert.ok(part.startsWith("data: "), part);
    assert.ok(!part.includes("\n"), "one line an event");
    return JSON.parse(part.slice("data: ".length));
  });
}
