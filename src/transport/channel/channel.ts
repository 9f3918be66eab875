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
  /** Whether an envelope has begun to come that is not whole yet, where that can be told. */
  readonly isReceiving?: boolean | undefined;
  /** Whether the last send waits for the peer, where that can be told. */
  readonly congested?: boolean | undefined;
}

/** A channel that a call has to itself for as long as it lasts. */
export interface CallChannel extends Channel {
  /**
   * Set if the connection carries other calls besides: the id that the call has to have.
   */
  readonly callId?: string | undefined;
}

/** Where the channels of calls come from. */
export interface ChannelSource {
  /** How many connections there are, with those that are being made. */
  readonly size: number;
  /**
   * A channel for one call. It has to be given back by {@linkcode ChannelSource.release}.
   * Whoever awaits it gets the channel even if the signal aborts in that very moment.
   *
   * @param signal Ends the wait.
   * @throws {AgenkitError} `unavailable` if no connection can be made, `resource_exhausted` if too
   * many wait for one, `failed_precondition` after `close`.
   */
  acquire(signal: AbortSignal): Promise<CallChannel>;
  /**
   * Gives a channel back.
   *
   * @param reusable Whether the call has ended as it should.
   */
  release(channel: CallChannel, reusable: boolean): void;
  /** Closes all connections, also those in use, and refuses calls from now on. */
  close(): void;
}
