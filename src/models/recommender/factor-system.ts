/**
 * The least squares of one row of a factorisation against the fixed factors Y of the other side: (sum_i c_i y_i y_i^T + a Y^T Y +
 * r (sum_i c_i + a |Y|) I) x = sum_i c_i y_i, with a the weight of what was not taken and r the ridge.
 */
export class FactorSystem {
  readonly #factors: number;
  readonly #unobserved: number;
  readonly #ridge: number;
  readonly #gram: Float64Array;
  readonly #residual: Float64Array;
  readonly #direction: Float64Array;
  readonly #image: Float64Array;
  #fixed: Float32Array = new Float32Array(0);

  constructor(factors: number, unobservedWeight: number, regularisation: number) {
    this.#factors = factors;
    this.#unobserved = unobservedWeight;
    this.#ridge = regularisation;
    this.#gram = new Float64Array(factors * factors);
    this.#residual = new Float64Array(factors);
    this.#direction = new Float64Array(factors);
    this.#image = new Float64Array(factors);
  }

  /** Takes the other side's factors, one row each. */
  fix(matrix: Float32Array): void {
    const { length } = this.#residual;
    this.#fixed = matrix;
    this.#gram.fill(0);
    for (let at = 0; at < matrix.length; at += length) {
      for (let f = 0; f < length; f++) {
        const value = matrix[at + f]! * this.#unobserved;
        for (let g = 0; g < length; g++) this.#gram[f * length + g]! += value * matrix[at + g]!;
      }
    }
  }

  /** Improves row `row` of `solutions` by conjugate gradient, for the interactions from … to - 1 with `others`. */
  solve(
    others: Int32Array,
    weights: Float32Array,
    from: number,
    to: number,
    solutions: Float32Array,
    row: number,
    steps: number,
  ): void {
    const n = this.#factors;
    const [residual, direction, image] = [this.#residual, this.#direction, this.#image];
    const at = row * n;
    const x = solutions.subarray(at, at + n);
    let ridge = (this.#unobserved * this.#fixed.length) / n;
    for (let k = from; k < to; k++) ridge += weights[k]!;
    ridge *= this.#ridge;
    this.#apply(x, others, weights, from, to, ridge, residual, 1);
    direction.set(residual);
    let squares = dotAt(residual, 0, residual, 0, n);
    for (let step = 0; step < steps && squares > 1e-20; step++) {
      this.#apply(direction, others, weights, from, to, ridge, image, 0);
      const length = squares / dotAt(direction, 0, image, 0, n);
      for (let f = 0; f < n; f++) {
        x[f]! += length * direction[f]!;
        residual[f]! -= length * image[f]!;
      }
      const next = dotAt(residual, 0, residual, 0, n);
      const turn = next / squares;
      for (let f = 0; f < n; f++) direction[f] = residual[f]! + turn * direction[f]!;
      squares = next;
    }
  }

  /** target = the system's matrix times v; with `target of 1`, the right side less that. */
  #apply(
    v: Float32Array | Float64Array,
    others: Int32Array,
    weights: Float32Array,
    from: number,
    to: number,
    ridge: number,
    target: Float64Array,
    wanted: 0 | 1,
  ): void {
    const n = this.#factors;
    const sign = wanted === 1 ? -1 : 1;
    for (let f = 0; f < n; f++) {
      target[f] = sign * (ridge * v[f]! + dotAt(this.#gram, f * n, v, 0, n));
    }
    const fixed = this.#fixed;
    for (let k = from; k < to; k++) {
      const at = others[k]! * n;
      const product = dotAt(fixed, at, v, 0, n);
      const strength = weights[k]! * (wanted + sign * product);
      for (let f = 0; f < n; f++) target[f]! += strength * fixed[at + f]!;
    }
  }
}

/**
 * The dot product of n numbers from each array. Four sums: each waits for its own last addition only, which one sum does at every step.
 */
export function dotAt(
  a: Float32Array | Float64Array,
  aStart: number,
  b: Float32Array | Float64Array,
  bStart: number,
  n: number,
): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let f = 0;
  for (; f + 4 <= n; f += 4) {
    s0 += a[aStart + f]! * b[bStart + f]!;
    s1 += a[aStart + f + 1]! * b[bStart + f + 1]!;
    s2 += a[aStart + f + 2]! * b[bStart + f + 2]!;
    s3 += a[aStart + f + 3]! * b[bStart + f + 3]!;
  }
  for (; f < n; f++) s0 += a[aStart + f]! * b[bStart + f]!;
  return s0 + s1 + (s2 + s3);
}
