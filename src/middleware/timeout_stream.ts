import { closeIterator } from "../core/abortable.ts";
import { type Agent, streamOf } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { Message } from "../core/message.ts";
import { isAborted, LinkedSignal, throwIfAborted } from "../core/signals.ts";
import type { RequestCounts } from "./request_counts.ts";
import { lateError, type Limit } from "./timeout_error.ts";
import type { TimeoutLimits } from "./timeout_options.ts";
import { Race } from "./timeout_race.ts";

/** Passes a stream on; a timer runs only while its next chunk is waited for. */
export async function* limitedStream(
  next: Agent,
  message: Message,
  call: CallOptions | undefined,
  limits: TimeoutLimits,
  counts: RequestCounts,
): AsyncGenerator<Message> {
  const { clock } = limits;
  const link = new LinkedSignal(call);
  const options = link.eagerOptions(call);
  /** What has to be told when nobody reads on. */
  let source: AsyncIterator<Message> | undefined;
  let waitedMs = 0;
  let started = false;
  let ended = false;
  let timedOut = false;
  counts.inFlight++;
  try {
    for (;;) {
      throwIfAborted(call);
      const start = clock.now();
      const { limit, ms } = nearest(limits, call, start, waitedMs, started);
      const race = new Race<IteratorResult<Message>>(link);
      const late = () => lateError(next, limit, ms + (limit === "total" ? waitedMs : 0));
      if (ms <= 0) race.expire(late());
      else {
        race.limit(clock, start + ms, late);
        try {
          source ??= streamOf(next, message, options)[Symbol.asyncIterator]();
          race.follow(source.next());
        } catch (error) {
          race.fail(error);
        }
      }
      let result: IteratorResult<Message>;
      try {
        result = await race.promise;
      } catch (error) {
        timedOut = race.end === "timedOut";
        if (race.end === "failed") source = undefined;
        throw error;
      }
      waitedMs += clock.now() - start;
      if (result.done) {
        source = undefined;
        ended = true;
        counts.successful++;
        return;
      }
      started = true;
      yield result.value;
    }
  } catch (error) {
    ended = true;
    if (timedOut) counts.timedOut++;
    else counts.fail(error, call);
    throw error;
  } finally {
    counts.inFlight--;
    if (!ended) counts.cancelled++;
    if (source === undefined) link.release();
    else {
      // First the signal: what the stream has begun may hold its end up. A
      // source that was late already is told, but not waited for.
      link.abort(new DOMException("The consumer stopped reading", "AbortError"));
      await closeIterator(source, timedOut || isAborted(call));
    }
  }
}

/** Which limit comes first, and in how many milliseconds. */
function nearest(
  limits: TimeoutLimits,
  call: CallOptions | undefined,
  now: number,
  waitedMs: number,
  started: boolean,
): { readonly limit: Limit; readonly ms: number } {
  let limit: Limit = "total";
  let ms = limits.streamMs - waitedMs;
  const chunkMs = started ? limits.idleMs : limits.firstChunkMs;
  if (chunkMs < ms) {
    limit = started ? "idle" : "firstChunk";
    ms = chunkMs;
  }
  if (call?.deadline !== undefined && call.deadline - now < ms) {
    limit = "deadline";
    ms = call.deadline - now;
  }
  return { limit, ms };
}
