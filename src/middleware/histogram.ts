/** Sub-buckets an octave: 32 linear ones, so a bucket is at most 1/32 of its value wide. */
const PRECISION_BITS = 5;
/** How far the upper half of a double is shifted to keep the exponent and those bits. */
const SHIFT = 20 - PRECISION_BITS;
/** The smallest value told apart is 2^-10 ms, about a microsecond. */
const LOWEST_EXPONENT = -10;
/** The largest is 2^27 ms, about 37 hours. */
const OCTAVES = 37;
const BIAS = (1023 + LOWEST_EXPONENT) << PRECISION_BITS;
const BUCKETS = OCTAVES << PRECISION_BITS;

/**
 * How often which value occurred, in bounded memory and constant time: octaves
 * of linear buckets, as in HdrHistogram by Gil Tene. The bucket is read off the
 * exponent and the first five bits of the fraction of the double itself, so a
 * quantile is at most 1.6 % off. The sum, the smallest and the largest value
 * are exact.
 */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  readonly #float = new Float64Array([1]);
  readonly #words = new Uint32Array(this.#float.buffer);
  /** Which half of a double has the exponent on this machine. */
  readonly #high: 0 | 1 = this.#words[0] === 0 ? 1 : 0;
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  /** How many values were recorded. */
  get count(): number {
    return this.#count;
  }

  /** The sum of all values. */
  get sum(): number {
    return this.#sum;
  }

  /** The smallest value, or `undefined` before the first. */
  get min(): number | undefined {
    return this.#count === 0 ? undefined : this.#min;
  }

  /** The largest value, or `undefined` before the first. */
  get max(): number | undefined {
    return this.#count === 0 ? undefined : this.#max;
  }

  /** The average, or `undefined` before the first value. */
  get mean(): number | undefined {
    return this.#count === 0 ? undefined : this.#sum / this.#count;
  }

  /** Counts a value. A negative one, as of a clock set back, counts as zero. */
  record(value: number): void {
    const at = value > 0 ? value : 0;
    this.#float[0] = at;
    const index = (this.#words[this.#high]! >>> SHIFT) - BIAS;
    this.#counts[index < 0 ? 0 : index < BUCKETS ? index : BUCKETS - 1]!++;
    this.#count++;
    this.#sum += at;
    if (at < this.#min) this.#min = at;
    if (at > this.#max) this.#max = at;
  }

  /**
   * The value that the given part of all values does not exceed (nearest
   * rank), or `undefined` before the first value.
   *
   * @param part From 0 to 1, such as 0.99.
   */
  quantile(part: number): number | undefined {
    if (this.#count === 0) return undefined;
    const rank = Math.ceil(part * this.#count);
    if (rank <= 1) return this.#min;
    if (rank >= this.#count) return this.#max;
    let seen = 0;
    let index = 0;
    while (index < BUCKETS - 1 && (seen += this.#counts[index]!) < rank) index++;
    const middle = (this.#lowerEdge(index) + this.#lowerEdge(index + 1)) / 2;
    return Math.min(Math.max(middle, this.#min), this.#max);
  }

  /** Forgets everything. */
  reset(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#sum = 0;
    this.#min = Number.POSITIVE_INFINITY;
    this.#max = Number.NEGATIVE_INFINITY;
  }

  #lowerEdge(index: number): number {
    this.#words[1 - this.#high] = 0;
    this.#words[this.#high] = (index + BIAS) << SHIFT;
    return this.#float[0]!;
  }
}
