import type { HandlerContext } from "@connectrpc/connect";

/** What a method is told of an RPC besides its request. The RPC library's own context is one. */
export type CallContext = Pick<
  HandlerContext,
  "signal" | "timeoutMs" | "requestHeader" | "url" | "values"
>;
