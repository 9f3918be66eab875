import { abortable } from "./abortable.ts";
import type { Agent } from "./agent.ts";
import type { CallOptions } from "./call.ts";
import type { Message } from "./message.ts";
import { toMessage } from "./reply.ts";
import { isAborted, reasonOf, throwIfAborted, unwatchAbort, watchAbort } from "./signals.ts";

/**
 * Waits for work, but no longer than until the call is aborted: then it
 * rejects with the signal's reason at once, whatever the work does about it.
 */
export function raced<T>(work: Promise<T>, call: CallOptions | undefined): Promise<T> {
  if (call === undefined) return work;
  return new Promise((resolve, reject) => {
    const watcher = { handleEvent: () => reject(reasonOf(call)) };
    if (isAborted(call)) watcher.handleEvent();
    else watchAbort(call, watcher);
    work.then(
      (value) => {
        unwatchAbort(call, watcher);
        resolve(value);
      },
      (error) => {
        unwatchAbort(call, watcher);
        reject(error);
      },
    );
  });
}

/** Calls a child. Its answer is checked, since a child may be anybody's class. */
export async function askChild(
  child: Agent,
  request: Message,
  call: CallOptions | undefined,
): Promise<Message> {
  return toMessage(child.name, await child.process(request, call));
}

/**
 * Reads a child bit by bit. One that cannot stream gives its whole answer as
 * one chunk. Ends at once when the call is aborted.
 */
export async function* streamChild(
  child: Agent,
  request: Message,
  call: CallOptions | undefined,
): AsyncGenerator<Message, void, undefined> {
  throwIfAborted(call);
  if (child.stream === undefined) {
    yield await raced(askChild(child, request, call), call);
    return;
  }
  const source = child.stream(request, call);
  const signal = call?.signal;
  for await (const chunk of signal === undefined ? source : abortable(source, signal)) {
    yield toMessage(child.name, chunk);
  }
}
