import { test } from "node:test";
import assert from "node:assert/strict";
import { agent, message, text } from "../../../mod.ts";
import { worker } from "../../../src/serve/workers.ts";
import { webSocketAgent, type WebSocketLike } from "../../../src/transport/websocket/mod.ts";

/** The client's end of a WebSocket of a Worker: it is open once it is accepted. */
type Accepted = WebSocketLike & { accept(): void };

const words = agent("words", async function* (request) {
  yield* text(request).split(" ");
});

async function shake(headers: Record<string, string> = {}, path = "/ws"): Promise<Response> {
  const request = new Request(`http://worker${path}`, {
    headers: { upgrade: "websocket", ...headers },
  });
  return await worker(words).fetch(request, {});
}

const socketOf = (response: Response) => (response as Response & { webSocket: Accepted }).webSocket;

test("worker() takes WebSockets at / and /ws, and answers in binary", async () => {
  for (const path of ["/", "/ws"]) {
    const response = await shake({}, path);
    assert.equal(response.status, 101);
    const socket = socketOf(response);
    socket.accept();
    socket.binaryType = "arraybuffer";
    const answer = new Promise<unknown>((resolve) =>
      socket.addEventListener("message", ({ data }) => resolve(data))
    );
    socket.send(JSON.stringify({
      version: "1.0",
      type: "request",
      id: "1",
      payload: { method: "process", message: { role: "user", content: "a b", metadata: {} } },
    }));
    const data = await answer;
    assert.ok(data instanceof ArrayBuffer);
    const envelope = JSON.parse(new TextDecoder().decode(data));
    assert.equal(envelope.payload.message.content, "ab");
    socket.close(1000);
  }
});

test("worker() multiplexes with a client that can", async () => {
  let protocols: readonly string[] = [];
  const remote = webSocketAgent("ws://worker", {
    webSocket: (_url, offered) => {
      protocols = offered;
      return connecting(shake({ "sec-websocket-protocol": offered.join() }));
    },
  });
  const answers = await Promise.all(["a b", "c"].map((t) => remote.process(message("user", t))));
  assert.deepEqual(answers.map(text), ["ab", "c"]);
  const got: string[] = [];
  for await (const chunk of remote.stream(message("user", "x y z"))) got.push(text(chunk));
  assert.deepEqual(got, ["x", "y", "z"]);
  assert.deepEqual(protocols, ["agenkit.v1.mux"]);
  await remote.close();
});

test("worker() refuses pages of other origins, other paths, and none at all without 'websocket'", async () => {
  assert.equal((await shake({ origin: "https://evil.example" })).status, 403);
  assert.equal((await shake({}, "/elsewhere")).status, 404);
  const request = new Request("http://worker/ws", { headers: { upgrade: "websocket" } });
  assert.equal((await worker(words, { websocket: false }).fetch(request, {})).status, 404);
});

/** A socket that opens when the handshake of a Worker is done. */
function connecting(shaking: Promise<Response>): WebSocketLike {
  const early: [string, Parameters<WebSocketLike["addEventListener"]>[1]][] = [];
  let socket: Accepted | undefined;
  let protocol = "";
  const emit = (type: string) => {
    for (const [of, listener] of early) if (of === type) listener({});
  };
  void shaking.then((response) => {
    socket = socketOf(response);
    protocol = response.headers.get("sec-websocket-protocol") ?? "";
    for (const [type, listener] of early) socket.addEventListener(type, listener);
    socket.accept();
    emit("open");
  });
  return {
    get readyState() {
      return socket?.readyState ?? 0;
    },
    get protocol() {
      return protocol;
    },
    binaryType: "arraybuffer",
    send: (data) => socket!.send(data),
    close: (code, reason) => socket?.close(code, reason),
    addEventListener: (type, listener) => {
      if (socket === undefined) early.push([type, listener]);
      else socket.addEventListener(type, listener);
    },
  };
}
