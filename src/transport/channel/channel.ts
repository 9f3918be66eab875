/**
 * A connection that carries whole envelopes as JSON text, in order and both
 * ways: a WebSocket, a TCP or a Unix socket. Whoever holds one knows nothing of
 * frames, handshakes or pings.
 */
export interface Channel {
  /**
   * Sends one envelope. Resolves when another can be sent without filling
   * memory, which is how a slow peer slows its sender down.
   *
   * @throws {AgenkitError} `unavailable` once the connection is gone, `resource_exhausted` for a text that is too large.
   */
  send(text: string): Promise<void>;
  /**
   * The next envelope, or `undefined` when the peer has ended cleanly. To be
   * called again only when it has settled; nothing is read ahead without bound.
   *
   * @throws {AgenkitError} `unavailable` if the connection broke; `resource_exhausted` or
   * `invalid_argument` if the peer sent what cannot be an envelope.
   */
  receive(): Promise<string | undefined>;
  /**
   * Closes at once: sends and receives that wait settle. May be called again.
   *
   * @param code A WebSocket close code, of no meaning elsewhere.
   * @param reason What a WebSocket peer is told.
   */
  close(code?: number, reason?: string): void;
  /** Resolves when the connection is gone, for whatever reason. Never rejects. */
  readonly closed: Promise<void>;
}
