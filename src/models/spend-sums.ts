import { type BetaPoint, regularizedBeta } from './incomplete-beta.ts';
import { lbeta } from './special-functions.ts';

const point: BetaPoint = { cdf: 0, density: 0 };
// A count this rare moves no quantile.
const negligible = 1e-10;

/**
 * What n purchases bring together, by Gamma-Gamma, for all customers with the same number of purchases behind them: their
 * rate is nu ~ gamma(q + p x, gamma + x m), the sum gamma(p n, nu), so that the sum over (gamma + x m) is beta-prime(p n, q + p x),
 * whoever they are (Fader & Hardie 2013, The Gamma-Gamma Model of Monetary Value, section 2).
 * Its distribution function is kept on a grid of its logarithm, filled as asked: a shop asks for the same few again and again.
 */
export class SpendSums {
  private readonly p: number;
  private readonly shape: number;
  private readonly step: number;
  /** ln B(p n, shape) at n. */
  private readonly logBetas: number[] = [];
  /** Distribution function and density of n purchases at 2 n and 2 n + 1, NaN where not asked for yet. */
  private readonly rows = new Map<number, Float64Array>();

  /** @param shape q + p x, of the gamma of the customers' rates */
  constructor(p: number, shape: number) {
    this.p = p;
    this.shape = shape;
    // Half the standard deviation of ln nu, which no sum is narrower than.
    this.step = 0.5 * Math.sqrt((1 + 1 / shape) / shape);
  }

  private row(index: number, counts: number): Float64Array {
    const known = this.rows.get(index);
    if (known && known.length >= 2 * counts) return known;
    const row = new Float64Array(2 ** Math.ceil(Math.log2(2 * counts + 1))).fill(Number.NaN);
    if (known) row.set(known);
    this.rows.set(index, row);
    return row;
  }

  private fill(row: Float64Array, index: number, n: number): void {
    const a = this.p * n;
    this.logBetas[n] ??= lbeta(a, this.shape);
    regularizedBeta(index * this.step, a, this.shape, this.logBetas[n], point);
    row[2 * n] = point.cdf;
    row[2 * n + 1] = point.density;
  }

  /** P(0 < sum <= e^(index step)) for a customer with these probabilities of counts, or its derivative in the index. */
  private mix(counts: Float64Array, index: number, derivative: 0 | 1): number {
    const row = this.row(index, counts.length);
    let sum = 0;
    for (let n = 1; n < counts.length; n++) {
      const probability = counts[n]!;
      if (probability < negligible) continue;
      // biome-ignore lint/suspicious/noSelfCompare: NaN, the fastest way there is.
      if (row[2 * n] !== row[2 * n]) this.fill(row, index, n);
      sum += probability * row[2 * n + derivative]!;
    }
    return derivative === 0 ? sum : sum * this.step;
  }

  /** The grid's cell [index, index + 1] in which the distribution function passes `target`. */
  private cell(counts: Float64Array, target: number): number {
    let mean = 0;
    for (let n = 1; n < counts.length; n++) mean += n * counts[n]!;
    let low = Math.round(Math.log((this.p * mean) / (1 - counts[0]!) / this.shape) / this.step);
    let high = low + 1;
    for (let stride = 1; this.mix(counts, low, 0) > target; stride *= 2) {
      high = low;
      low -= stride;
    }
    for (let stride = 1; this.mix(counts, high, 0) <= target; stride *= 2) {
      low = high;
      high += stride;
    }
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.mix(counts, middle, 0) > target) high = middle;
      else low = middle;
    }
    return low;
  }

  /**
   * ln(sum / (gamma + x m)) at which P(0 < sum <= …) is `target`, above 0 and below the sum of `counts` without the first. By
   * cubic Hermite interpolation within the grid's cell: 1e-4 of probability at most.
   */
  logQuantile(counts: Float64Array, target: number): number {
    const index = this.cell(counts, target);
    const [from, to] = [this.mix(counts, index, 0), this.mix(counts, index + 1, 0)];
    const [slopeFrom, slopeTo] = [this.mix(counts, index, 1), this.mix(counts, index + 1, 1)];
    let [low, high] = [0, 1];
    for (let i = 0; i < 30; i++) {
      const t = (low + high) / 2;
      const rest = 1 - t;
      const value =
        rest * rest * ((1 + 2 * t) * from + t * slopeFrom) + t * t * ((1 + 2 * rest) * to - rest * slopeTo);
      if (value > target) high = t;
      else low = t;
    }
    return (index + (low + high) / 2) * this.step;
  }
}
