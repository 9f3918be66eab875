import { describe } from "../../core/json.ts";
import { CLOSE } from "./close_codes.ts";
import { WebSocketChannel, type WebSocketChannelOptions } from "./channel.ts";

/**
 * The part of the standard `WebSocket` that is used here. Browsers, Deno, Bun,
 * Node and Workers have it, and so have the server's sockets of Deno and Workers.
 */
export interface WebSocketLike {
  /** How binary messages are handed over. */
  binaryType: string;
  /** 0 while it connects, 1 while it is open. */
  readonly readyState: number;
  /** Bytes that wait to be sent; Workers do not tell. */
  readonly bufferedAmount?: number;
  /** What the server has chosen of the subprotocols, or `""`. */
  readonly protocol: string | null;
  /** Sends one message. */
  send(data: string | Uint8Array<ArrayBuffer>): void;
  /** Closes it. */
  close(code?: number, reason?: string): void;
  /** Listens to `open`, `message`, `close` and `error`. */
  addEventListener(type: string, listener: (event: WebSocketEvent) => void): void;
}

/** What the events of a {@linkcode WebSocketLike} may hold. */
export interface WebSocketEvent {
  /** The message of a `message` event. */
  readonly data?: unknown;
  /** The code of a `close` event. */
  readonly code?: number;
  /** The reason of a `close` event. */
  readonly reason?: string;
  /** The text of an `error` event, where the runtime gives one. */
  readonly message?: string;
  /** What led to an `error` event, where the runtime says so. */
  readonly error?: unknown;
}

/** Makes a channel of a standard WebSocket. */
export function channelOf(
  socket: WebSocketLike,
  options: WebSocketChannelOptions,
): WebSocketChannel {
  socket.binaryType = "arraybuffer";
  const channel = new WebSocketChannel({
    send: (data) => socket.send(data),
    close: (code, reason) => closeStandard(socket, code, reason),
    get bufferedAmount() {
      return socket.bufferedAmount ?? 0;
    },
  }, options);
  socket.addEventListener("message", ({ data }) => {
    if (typeof data === "string" || data instanceof ArrayBuffer) channel.onMessage(data);
    else if (ArrayBuffer.isView(data)) channel.onMessage(data as Uint8Array);
    else throw new TypeError(`Cannot read a message of a WebSocket: got ${describe(data)}`);
  });
  socket.addEventListener("close", ({ code = CLOSE.none, reason = "" }) => {
    // Deno has no code for a connection that broke.
    channel.onClose(code === 0 ? CLOSE.abnormal : code, reason);
  });
  socket.addEventListener("error", ({ message = "" }) => channel.onClose(CLOSE.abnormal, message));
  return channel;
}

/** Closes with a code where the side may; a client's script may send few. */
export function closeStandard(socket: WebSocketLike, code: number, reason: string): void {
  try {
    socket.close(code, reason);
  } catch {
    socket.close(CLOSE.normal, reason);
  }
}
