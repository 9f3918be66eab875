import { Histogram } from "./histogram.ts";
import type { HedgePolicy } from "./hedge_options.ts";

/** How many calls are needed before their latency says anything. */
const ENOUGH = 20;
/** After how many calls the older half of what is remembered is dropped. */
const HALF = 500;
/** How often the percentile is computed anew, in calls. */
const REFRESH = 16;

/** Tells how long to wait before a hedge: fixed, or learnt from the latest 500 to 1,000 calls. */
export class HedgeDelay {
  readonly #policy: HedgePolicy;
  #recent: Histogram | undefined;
  #older: Histogram | undefined;
  #learntMs: number | undefined;
  #stale = 0;

  constructor(policy: HedgePolicy) {
    this.#policy = policy;
  }

  /** The wait, in milliseconds. */
  get ms(): number {
    const { delayMs, initialDelayMs } = this.#policy;
    return delayMs ?? this.#learntMs ?? initialDelayMs;
  }

  /** Learns how long a first attempt took, or at least took before it lost. */
  record(latencyMs: number): void {
    if (this.#policy.delayMs !== undefined) return;
    const recent = this.#recent ??= new Histogram();
    recent.record(latencyMs);
    const known = recent.count + (this.#older?.count ?? 0);
    if (known >= ENOUGH && this.#stale-- <= 0) {
      this.#stale = REFRESH;
      // The older half has more calls until the recent one is as large.
      const source = recent.count >= HALF / 2 ? recent : this.#older ?? recent;
      this.#learntMs = source.quantile(this.#policy.percentile);
    }
    if (recent.count < HALF) return;
    this.#older = recent;
    this.#recent = new Histogram();
  }
}
