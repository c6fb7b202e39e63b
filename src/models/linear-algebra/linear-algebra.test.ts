import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { compileKernel, runInPlace } from './kernel.ts';
import type { LinearAlgebra, SparseRows } from './linear-algebra.ts';
import { plainLinearAlgebra as plain } from './plain.ts';
import { SimdLinearAlgebra } from './simd.ts';

const simd = new SimdLinearAlgebra(runInPlace(compileKernel()!));
const both: LinearAlgebra[] = [plain, simd];

/** Whole numbers up to 8 either way: sums of up to 250,000 products are exact in 32 bits, so both have to agree to the bit. */
function wholeNumbers(count: number, seed: number): Float32Array {
  const random = Random.fromSeed(seed, 'linear algebra');
  return Float32Array.from({ length: count }, () => Math.floor(random.uniform() * 17) - 8);
}

function sparse(rowCount: number, columnCount: number, share: number, seed: number): SparseRows {
  const random = Random.fromSeed(seed, 'sparse');
  const offsets = new Int32Array(rowCount + 1);
  const columns: number[] = [];
  for (let row = 0; row < rowCount; row++) {
    for (let column = 0; column < columnCount; column++) if (random.bernoulli(share)) columns.push(column);
    // Every other row backwards: nobody promised an order.
    if (row % 2 === 1) columns.push(...columns.splice(offsets[row]!).reverse());
    offsets[row + 1] = columns.length;
  }
  return {
    columnCount,
    offsets,
    columns: Int32Array.from(columns),
    values: wholeNumbers(columns.length, seed),
  };
}

function dense(x: SparseRows): Float32Array {
  const result = new Float32Array((x.offsets.length - 1) * x.columnCount);
  for (let row = 0; row + 1 < x.offsets.length; row++) {
    for (let p = x.offsets[row]!; p < x.offsets[row + 1]!; p++)
      result[row * x.columnCount + x.columns[p]!] = x.values[p]!;
  }
  return result;
}

/** G + lambda I of n items whose popularity falls as 1 / rank, like a shop's. */
async function ridge(n: number, lambda: number): Promise<Float32Array> {
  const random = Random.fromSeed(n, 'ridge');
  const rows = 4 * n;
  const x = Float32Array.from({ length: rows * n }, (_, i) =>
    random.bernoulli(Math.min(0.9, 8 / (1 + (i % n)))) ? 1 : 0,
  );
  const gram = await simd.denseGram(x, rows, n);
  for (let i = 0; i < n; i++) gram[i * (n + 1)]! += lambda;
  return gram;
}

function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function largestDifference(one: Float32Array, other: Float32Array): number {
  return one.reduce((most, value, i) => Math.max(most, Math.abs(value - other[i]!)), 0);
}

const sizes = fc.record({ m: fc.nat(40), n: fc.nat(40), depth: fc.nat(40), seed: fc.nat(1e6) });
const beyondTiles = [
  { m: 130, n: 129, depth: 257, seed: 1 },
  { m: 128, n: 256, depth: 256, seed: 2 },
  { m: 1, n: 300, depth: 513, seed: 3 },
];

describe('products', () => {
  it('agree to the bit with plain loops, at every size, transposed or not, added or not', async () => {
    const check = async ({ m, n, depth, seed }: { m: number; n: number; depth: number; seed: number }) => {
      const [a, b, c] = [m * depth, depth * n, m * n].map((count, i) => wholeNumbers(count, seed + i));
      for (let kind = 0; kind < 8; kind++) {
        const options = {
          transposeA: (kind & 1) === 1,
          transposeB: (kind & 2) === 2,
          alpha: -0.5,
          ...(kind & 4 ? { add: { matrix: c!, times: 2 } } : {}),
        };
        const [ours, reference] = [simd, plain].map((one) => one.multiply(a!, b!, { m, n, depth }, options));
        // Plus 0 makes 0 of the -0 that a negative alpha leaves.
        expect((await ours)!.map((value) => value + 0)).toEqual((await reference)!.map((value) => value + 0));
      }
    };
    for (const size of beyondTiles) await check(size);
    await fc.assert(fc.asyncProperty(sizes, check), { numRuns: 60 });
  });

  it('of a matrix with itself too, dense and sparse', async () => {
    const check = async ({ m, n, seed }: { m: number; n: number; seed: number }) => {
      const x = sparse(m, n, 0.3, seed);
      const gram = await simd.gram(x);
      expect(gram).toEqual(await plain.gram(x));
      expect(await simd.denseGram(dense(x), m, n)).toEqual(gram);
      expect(await plain.denseGram(dense(x), m, n)).toEqual(gram);
    };
    await check({ m: 300, n: 200, seed: 1 });
    await fc.assert(fc.asyncProperty(sizes, check), { numRuns: 60 });
  });

  it('of a sparse matrix and a dense one', async () => {
    const check = async ({ m, n, depth, seed }: { m: number; n: number; depth: number; seed: number }) => {
      const x = sparse(m, depth, 0.3, seed);
      const b = wholeNumbers(depth * n, seed + 1);
      const product = await plain.multiply(dense(x), b, { m, n, depth });
      for (const one of both) expect(await one.sparseProduct(x, b, n)).toEqual(product);
    };
    for (const size of beyondTiles) await check(size);
    await fc.assert(fc.asyncProperty(sizes, check), { numRuns: 60 });
  });

  it('count a column twice that stands twice in a row', async () => {
    const x = {
      columnCount: 2,
      offsets: Int32Array.of(0, 3),
      columns: Int32Array.of(1, 0, 1),
      values: Float32Array.of(1, 2, 3),
    };
    for (const one of both) expect(await one.gram(x)).toEqual(Float32Array.of(4, 8, 8, 16));
  });
});

describe('the inverse', () => {
  it('is that of 64 bits, nearly, at every size, and symmetric to the bit', async () => {
    for (const n of [0, 1, 2, 3, 7, 8, 9, 31, 64, 127, 128, 129, 136, 250, 257]) {
      const matrix = await ridge(n, 3);
      const exact = await plain.invertPositiveDefinite(matrix.slice(), n);
      const argument = matrix.slice();
      const ours = await simd.invertPositiveDefinite(argument, n);
      expect(ours).toBe(argument);
      expect(largestDifference(ours, exact), `${n}`).toBeLessThanOrEqual(2e-6 * largest(exact));
      for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) expect(ours[i * n + j]).toBe(ours[j * n + i]);
    }
  });

  it('reads the lower half only', async () => {
    const n = 140;
    const matrix = await ridge(n, 1);
    const lower = matrix.map((value, i) => (i % n > Math.floor(i / n) ? 1e9 : value));
    for (const one of both) {
      expect(await one.invertPositiveDefinite(lower.slice(), n)).toEqual(
        await one.invertPositiveDefinite(matrix.slice(), n),
      );
    }
  });

  it('keeps its digits where popularity spreads the diagonal over four orders of magnitude', async () => {
    // What a rescaling of rows and columns undoes costs nothing: the errors are those of the correlations.
    const n = 300;
    const matrix = await ridge(n, 0.1);
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) matrix[i * n + j]! *= 2 ** ((i % 14) + (j % 14));
    const exact = await plain.invertPositiveDefinite(matrix.slice(), n);
    const ours = await simd.invertPositiveDefinite(matrix.slice(), n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        const scale = Math.sqrt(exact[i * (n + 1)]! * exact[j * (n + 1)]!);
        expect(Math.abs(ours[i * n + j]! - exact[i * n + j]!)).toBeLessThan(3e-5 * scale);
      }
    }
  });

  it('of what is not positive definite is refused with the row of the pivot, and the matrix left as it was', async () => {
    for (const one of both) {
      for (const [n, row] of [
        [1, 0],
        [9, 8],
        [200, 150],
        [300, 299],
      ] as const) {
        const indefinite = await ridge(n, 1);
        indefinite[row * (n + 1)] = -1;
        const singular = await ridge(n, 1);
        // Row and column are those of another, or nothing: what is left on the diagonal is at most rounding.
        for (let i = 0; i <= row; i++) singular[row * n + i] = row === 0 ? 0 : singular[i * n]!;
        for (let i = row + 1; i < n; i++) singular[i * n + row] = singular[i * n]!;
        singular[row * (n + 1)] = row === 0 ? 0 : singular[0]!;
        for (const matrix of [indefinite, singular]) {
          const before = matrix.slice();
          await expect(one.invertPositiveDefinite(matrix, n)).rejects.toMatchObject({
            code: 'MODEL_BAD_INPUT',
            details: { pivot: row },
          });
          expect(matrix).toEqual(before);
        }
      }
    }
  });
});

describe('normal equations', () => {
  const problem = (rows: number, items: number, k: number, seed: number) => {
    const weights = sparse(rows, items, 0.2, seed);
    const factors = wholeNumbers(items * k, seed + 1).map((value) => value / 8);
    const gram = new Float32Array(k * k);
    for (let i = 0; i < k; i++) gram[i * (k + 1)] = 5;
    const values = weights.values.map(Math.abs);
    return { rows: { ...weights, values }, targets: values.map((value) => value + 1), factors, k, gram };
  };

  it('are solved as in 64 bits', async () => {
    const check = async ({ m, n, depth, seed }: { m: number; n: number; depth: number; seed: number }) => {
      const one = problem(m, n, depth, seed);
      const exact = await plain.solveNormalEquations(one);
      const ours = await simd.solveNormalEquations(one);
      expect(ours.length).toBe(m * depth);
      expect(largestDifference(ours, exact)).toBeLessThanOrEqual(1e-4 * largest(exact));
    };
    for (const k of [32, 64, 100, 128]) await check({ m: 40, n: 400, depth: k, seed: k });
    await fc.assert(fc.asyncProperty(sizes, check), { numRuns: 60 });
  });

  it('have a ridge of its own for each row', async () => {
    const one = { ...problem(30, 50, 12, 5), ridges: Float32Array.from({ length: 30 }, (_, row) => row / 3) };
    const exact = await plain.solveNormalEquations(one);
    const ours = await simd.solveNormalEquations(one);
    expect(largestDifference(ours, exact)).toBeLessThanOrEqual(1e-4 * largest(exact));
    const last = 29;
    const gram = one.gram.map((value, at) => value + (at % 13 === 0 ? one.ridges[last]! : 0));
    const single = await plain.solveNormalEquations({ ...one, gram, ridges: new Float32Array(30) });
    expect(largestDifference(exact.subarray(12 * last), single.subarray(12 * last))).toBeLessThan(1e-5);
  });

  it('give nothing for a row that is empty, and name the first that has no solution', async () => {
    const rows = {
      columnCount: 1,
      offsets: Int32Array.of(0, 0, 1, 2),
      columns: Int32Array.of(0, 0),
      values: Float32Array.of(-1, -2),
    };
    const given = { targets: Float32Array.of(1, 1), factors: Float32Array.of(1), k: 1 };
    for (const one of both) {
      expect(await one.solveNormalEquations({ rows, ...given, gram: Float32Array.of(3) })).toEqual(
        Float32Array.of(0, 0.5, 1),
      );
      await expect(
        one.solveNormalEquations({ rows, ...given, gram: Float32Array.of(1) }),
      ).rejects.toMatchObject({
        code: 'MODEL_BAD_INPUT',
        details: { row: 1 },
      });
    }
  });
});

describe('what does not fit', () => {
  it('is refused: other lengths, NaN, infinity, columns that are none', async () => {
    const refused = { code: 'MODEL_BAD_INPUT' };
    const good = sparse(4, 3, 0.5, 1);
    for (const one of both) {
      await expect(one.invertPositiveDefinite(new Float32Array(5), 2)).rejects.toMatchObject(refused);
      await expect(one.invertPositiveDefinite(new Float32Array(4), -2)).rejects.toMatchObject(refused);
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const bad = Float32Array.of(1, 0, value, 1);
        await expect(one.invertPositiveDefinite(bad, 2)).rejects.toThrow('row 1, column 0');
        await expect(one.denseGram(bad, 2, 2)).rejects.toMatchObject(refused);
        await expect(one.multiply(bad, bad, { m: 2, n: 2, depth: 2 })).rejects.toMatchObject(refused);
        await expect(one.gram({ ...good, values: good.values.fill(value) })).rejects.toMatchObject(refused);
      }
      await expect(one.gram({ ...good, columnCount: 1 })).rejects.toMatchObject(refused);
      await expect(
        one.gram({ ...good, offsets: Int32Array.of(0, 2, 1, good.columns.length) }),
      ).rejects.toMatchObject(refused);
    }
  });

  it('into 4 GiB is refused before any of it is taken', async () => {
    const x = { ...sparse(1, 1, 1, 1), columnCount: 40_000 };
    await expect(simd.gram(x)).rejects.toThrow('needs 6.0 GiB of memory; the kernel can have 4');
    expect(await simd.gram(sparse(3, 3, 0.5, 1))).toHaveLength(9);
  });
});

describe('many small systems', () => {
  it('are solved each for itself, and one that cannot be spoils no other', async () => {
    for (const k of [1, 5, 16, 100]) {
      const one = await ridge(k, 3);
      const matrices = new Float32Array(3 * k * k);
      for (const at of [0, 2]) matrices.set(one, at * k * k);
      matrices[k * k] = -1;
      const rights = wholeNumbers(3 * k, k);
      const expected = await plain.solveSystems(matrices, rights, k);
      const found = await simd.solveSystems(matrices, rights, k);
      expect(found.subarray(k, 2 * k).every(Number.isNaN)).toBe(true);
      expect(expected.subarray(k, 2 * k).every(Number.isNaN)).toBe(true);
      const zeroed = [found, expected].map((values) => values.map((value) => value || 0));
      expect(largestDifference(zeroed[0]!, zeroed[1]!)).toBeLessThan(1e-4 * largest(zeroed[1]!) + 1e-6);
      const image = await plain.multiply(one, expected.subarray(0, k), { m: k, n: 1, depth: k });
      expect(largestDifference(image, rights.subarray(0, k))).toBeLessThan(1e-3 * largest(rights) + 1e-6);
    }
    expect(await simd.solveSystems(new Float32Array(0), new Float32Array(0), 3)).toEqual(new Float32Array(0));
  });

  it('are refused where the numbers do not fit', async () => {
    for (const one of both) {
      await expect(one.solveSystems(new Float32Array(8), new Float32Array(3), 2)).rejects.toThrow('rights');
      await expect(one.solveSystems(new Float32Array(7), new Float32Array(4), 2)).rejects.toThrow('matrices');
      await expect(one.solveSystems(new Float32Array(0), new Float32Array(0), 0)).rejects.toThrow(
        '0 unknowns',
      );
    }
  });
});
