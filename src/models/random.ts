import { AppError } from '../errors.ts';

/** Spreads 32 bits over 32 bits: the finaliser of MurmurHash3 (Appleby, public domain). */
function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * 128 bits out of a seed and the name of a stream. All four words hang on all of the input: with 32 bits of state
 * a million customers' streams would hold about 116 pairs that are the same stream (birthday bound).
 */
function seedWords(seed: number, stream: string): [number, number, number, number] {
  const low = seed >>> 0;
  const high = Math.floor(seed / 4294967296) >>> 0;
  const words: [number, number, number, number] = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0x71374491];
  const absorb = (block: number) => {
    for (let i = 0; i < 4; i++) {
      const neighbour = words[(i + 3) & 3] as number;
      words[i] = mix(Math.imul((words[i] as number) ^ block, 0x9e3779b1 + 2 * i) + neighbour);
    }
  };
  absorb(low);
  absorb(high);
  for (let i = 0; i < stream.length; i++) absorb(stream.charCodeAt(i));
  absorb(stream.length);
  absorb(0);
  // The all-zero state is the generator's one fixed point.
  if ((words[0] | words[1] | words[2] | words[3]) === 0) words[0] = 1;
  return words;
}

function requirePositive(name: string, value: number): void {
  if (!(value > 0 && value < Number.POSITIVE_INFINITY)) {
    throw new AppError('MODEL_BAD_INPUT', `${name} must be a positive finite number, not ${value}.`);
  }
}

/**
 * Seeded pseudo-random numbers: xoshiro128** 1.1 (Blackman & Vigna, "Scrambled linear pseudorandom number generators",
 * ACM TOMS 47(4), 2021). One seed gives as many independent streams as there are names, so that what one part draws
 * never moves what another part gets. Not for secrets.
 */
export class Random {
  private s0: number;
  private s1: number;
  private s2: number;
  private s3: number;
  private spareNormal: number | undefined;

  private constructor(words: readonly [number, number, number, number]) {
    [this.s0, this.s1, this.s2, this.s3] = words;
  }

  /** @param seed a whole number of 0 … 2^53 - 1 @param stream any text; equal pairs give equal numbers */
  static fromSeed(seed: number, stream = ''): Random {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new AppError('MODEL_BAD_INPUT', `A seed is a whole number from 0 to 2^53 - 1, not ${seed}.`);
    }
    return new Random(seedWords(seed, stream));
  }

  /** The generator at a given state: for reference vectors and for going on where another left off. */
  static fromState(words: readonly [number, number, number, number]): Random {
    return new Random(words);
  }

  /** A whole number of 0 … 2^32 - 1. */
  uint32(): number {
    const scrambled = Math.imul(this.s1, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const t = this.s1 << 9;
    this.s2 ^= this.s0;
    this.s3 ^= this.s1;
    this.s1 ^= this.s2;
    this.s0 ^= this.s3;
    this.s2 ^= t;
    this.s3 = (this.s3 << 11) | (this.s3 >>> 21);
    return result;
  }

  /** Uniform on the open interval (0, 1), 53 bits: never 0, so that its logarithm is always finite. */
  uniform(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 67108864 + low + 0.5) / 9007199254740992;
  }

  /** True with the given probability. */
  bernoulli(probability: number): boolean {
    return this.uniform() < probability;
  }

  /** A whole number of 0 … count - 1. The bias of scaling 53 bits is below count / 2^53. */
  integer(count: number): number {
    return Math.min(count - 1, Math.floor(this.uniform() * count));
  }

  /** Standard normal, by the polar method (Marsaglia & Bray, SIAM Review 6, 1964). */
  normal(mean = 0, standardDeviation = 1): number {
    if (this.spareNormal !== undefined) {
      const spare = this.spareNormal;
      this.spareNormal = undefined;
      return mean + standardDeviation * spare;
    }
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const s = u * u + v * v;
      if (s >= 1 || s === 0) continue;
      const factor = Math.sqrt((-2 * Math.log(s)) / s);
      this.spareNormal = v * factor;
      return mean + standardDeviation * u * factor;
    }
  }

  /** Exponential with the given rate (mean 1 / rate). */
  exponential(rate = 1): number {
    requirePositive('The rate of an exponential', rate);
    return -Math.log(this.uniform()) / rate;
  }

  /** Gamma with the given shape and rate (mean shape / rate): Marsaglia & Tsang, ACM TOMS 26(3), 2000. */
  gamma(shape: number, rate = 1): number {
    requirePositive('The rate of a gamma', rate);
    return Math.exp(this.logGamma(shape)) / rate;
  }

  /** Beta with the given shapes (mean a / (a + b)). */
  beta(a: number, b: number): number {
    // Of logarithms: with both shapes small the two gammas underflow to 0/0, their ratio does not.
    return 1 / (1 + Math.exp(this.logGamma(b) - this.logGamma(a)));
  }

  /** Poisson with the given mean, exact; takes time in proportion to the mean. */
  poisson(mean: number): number {
    if (!(mean >= 0 && mean < Number.POSITIVE_INFINITY)) {
      throw new AppError('MODEL_BAD_INPUT', `The mean of a Poisson must be 0 or more, not ${mean}.`);
    }
    let count = 0;
    // In pieces of at most 16, since exp(-mean) underflows for large means; a sum of Poissons is a Poisson.
    for (let left = mean; left > 0; left -= 16) {
      const floor = Math.exp(-Math.min(left, 16));
      for (let product = this.uniform(); product > floor; product *= this.uniform()) count++;
    }
    return count;
  }

  /** An index with probability in proportion to its weight; for many draws from one table take an AliasTable. */
  categorical(weights: ArrayLike<number>): number {
    let total = 0;
    for (let i = 0; i < weights.length; i++) total += weights[i] as number;
    requirePositive('The sum of the weights', total);
    let left = this.uniform() * total;
    let last = 0;
    for (let i = 0; i < weights.length; i++) {
      const weight = weights[i] as number;
      if (weight <= 0) continue;
      last = i;
      left -= weight;
      if (left < 0) break;
    }
    return last;
  }

  /** One element; the list must not be empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.integer(list.length)] as T;
  }

  /** Shuffles in place (Fisher & Yates) and returns the same array. */
  shuffle<T>(list: T[]): T[] {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const held = list[i] as T;
      list[i] = list[j] as T;
      list[j] = held;
    }
    return list;
  }

  /** Logarithm of a standard gamma variate, finite where the variate itself would underflow to 0. */
  private logGamma(shape: number): number {
    requirePositive('The shape of a gamma', shape);
    // Gamma(shape) = Gamma(shape + 1) * U^(1/shape), from the same paper, section 6.
    if (shape < 1) return this.logGamma(shape + 1) + Math.log(this.uniform()) / shape;
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const cube = 1 + c * x;
      if (cube <= 0) continue;
      const logV = 3 * Math.log(cube);
      const v = cube * cube * cube;
      if (Math.log(this.uniform()) < 0.5 * x * x + d - d * v + d * logV) return Math.log(d) + logV;
    }
  }
}

/** Draws an index in proportion to its weight in constant time (Walker's aliases, built as by Vose, IEEE TSE 17(9), 1991). */
export class AliasTable {
  private readonly keep: Float64Array;
  private readonly alias: Int32Array;

  constructor(weights: ArrayLike<number>) {
    const n = weights.length;
    let total = 0;
    for (let i = 0; i < n; i++) total += weights[i] as number;
    requirePositive('The sum of the weights', total);
    const scaled = Float64Array.from(weights, (weight) => (weight * n) / total);
    this.keep = new Float64Array(n).fill(1);
    this.alias = Int32Array.from({ length: n }, (_, i) => i);
    const small: number[] = [];
    const large: number[] = [];
    for (let i = 0; i < n; i++) ((scaled[i] as number) < 1 ? small : large).push(i);
    while (small.length > 0 && large.length > 0) {
      const low = small.pop() as number;
      const high = large[large.length - 1] as number;
      this.keep[low] = scaled[low] as number;
      this.alias[low] = high;
      scaled[high] = (scaled[high] as number) - (1 - (scaled[low] as number));
      if ((scaled[high] as number) < 1) small.push(large.pop() as number);
    }
  }

  sample(random: Random): number {
    const column = random.integer(this.keep.length);
    return random.uniform() < (this.keep[column] as number) ? column : (this.alias[column] as number);
  }
}
