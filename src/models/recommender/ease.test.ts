import { describe, expect, it } from 'vitest';
import { plainLinearAlgebra } from '../linear-algebra/plain.ts';
import { Random } from '../random.ts';
import { fitEase } from './ease.ts';
import { headOf, headWeights } from './ease-head.ts';
import type { Interactions } from './interactions.ts';
import { gramMatrix } from './item-pairs.ts';
import { fitSparseRidge } from './sparse-ridge.ts';

function random(users: number, itemCount: number, seed: number, density = 0.2): Interactions {
  const draw = Random.fromSeed(seed, 'ease test');
  const offsets = [0];
  const items: number[] = [];
  for (let user = 0; user < users; user++) {
    for (let item = 0; item < itemCount; item++) if (draw.bernoulli(density)) items.push(item);
    offsets.push(items.length);
  }
  const weights = Float32Array.from(items, () => 0.5 + draw.uniform());
  return { itemCount, offsets: Int32Array.from(offsets), items: Int32Array.from(items), weights };
}

function weightsOf(model: Awaited<ReturnType<typeof fitEase>>): number[][] {
  return Array.from({ length: model.itemCount }, (_, item) => {
    const scores = new Float32Array(model.itemCount);
    model.score({ items: Int32Array.of(item), weights: Float32Array.of(1) }, scores);
    return [...scores];
  });
}

describe('EASE', () => {
  it('is the ridge regression of each item on the others: its gradient is zero', async () => {
    const data = random(60, 9, 1);
    const gram = await gramMatrix(data, plainLinearAlgebra);
    for (const dropout of [0, 0.4]) {
      const weights = weightsOf(await fitEase(data, { lambda: 3, dropout }, plainLinearAlgebra));
      for (let j = 0; j < 9; j++) {
        expect(weights[j]![j]).toBe(0);
        for (let i = 0; i < 9; i++) {
          if (i === j) continue;
          const penalty = 3 + (dropout / (1 - dropout)) * gram[i * 9 + i]!;
          let gradient = penalty * weights[i]![j]! - gram[i * 9 + j]!;
          for (let k = 0; k < 9; k++) gradient += gram[i * 9 + k]! * weights[k]![j]!;
          expect(gradient).toBeCloseTo(0, 3);
        }
      }
    }
  });

  it('by hand: two items that two of three users share have weights 2 / (2 + lambda) and 2 / (3 + lambda)', async () => {
    const data = {
      itemCount: 2,
      offsets: Int32Array.of(0, 2, 4, 5),
      items: Int32Array.of(0, 1, 0, 1, 1),
      weights: new Float32Array(5).fill(1),
    };
    const weights = weightsOf(await fitEase(data, { lambda: 1 }, plainLinearAlgebra));
    expect(weights[0]![1]).toBeCloseTo(2 / 3, 5);
    expect(weights[1]![0]).toBeCloseTo(2 / 4, 5);
  });

  it('is the sparse ridge where every item may speak and shares a user with every other', async () => {
    const data = random(80, 12, 2, 0.6);
    const options = { lambda: 2, dropout: 0.2, rowNormalisation: 0.5 };
    const dense = weightsOf(await fitEase(data, options, plainLinearAlgebra));
    const sparse = weightsOf(await fitSparseRidge(data, { ...options, candidates: 12 }, plainLinearAlgebra));
    dense.flat().forEach((weight, at) => {
      expect(sparse.flat()[at]).toBeCloseTo(weight, 4);
    });
  });

  it('says which option is wrong', async () => {
    const data = random(5, 3, 3);
    await expect(fitEase(data, { lambda: 0 }, plainLinearAlgebra)).rejects.toThrow(/lambda/);
    await expect(fitEase(data, { lambda: 1, dropout: 1 }, plainLinearAlgebra)).rejects.toThrow(/dropout/);
    await expect(fitSparseRidge(data, { lambda: 1, candidates: 0 }, plainLinearAlgebra)).rejects.toThrow(
      /candidate/,
    );
  });
});

describe('items of few takers', () => {
  const size = 12;
  const data = random(80, size, 3, 0.3);
  const ridges = Float32Array.from({ length: size }, (_, item) => 2 + item / 10);
  const head = Int32Array.of(0, 2, 3, 5, 7, 8, 10, 11);
  const tail = [1, 4, 6, 9];
  const solved = async () => {
    const gram = await gramMatrix(data, plainLinearAlgebra);
    const weights = await headWeights(gram, ridges, head, plainLinearAlgebra);
    return { gram, at: (i: number, j: number) => weights[i * size + j]! };
  };
  /** The gradient of the ridge regression of item `j` on the head, by item `i` of it: 0 where weights are its solution. */
  const gradient = ({ gram, at }: Awaited<ReturnType<typeof solved>>, i: number, j: number): number =>
    head.reduce(
      (sum, k) => sum + gram[i * size + k]! * at(k, j),
      ridges[i]! * at(i, j) - gram[i * size + j]!,
    );

  it('do not speak for the others, which are regressed on each other', async () => {
    const found = await solved();
    for (const j of head)
      for (const i of head)
        if (i === j) expect(found.at(i, j)).toBe(0);
        else expect(gradient(found, i, j)).toBeCloseTo(0, 3);
  });

  it('are regressed on the others', async () => {
    const found = await solved();
    for (const j of tail) for (const i of head) expect(gradient(found, i, j)).toBeCloseTo(0, 3);
    for (const j of tail) for (const i of tail) expect(found.at(i, j)).toBe(0);
  });

  it('weigh for the others as in the whole inverse, where there is one of them', async () => {
    const gram = await gramMatrix(data, plainLinearAlgebra);
    const most = Int32Array.from({ length: size - 1 }, (_, item) => item);
    const whole = weightsOf(await fitEase(data, { lambda: 2 }, plainLinearAlgebra));
    const found = await headWeights(gram, new Float32Array(size).fill(2), most, plainLinearAlgebra);
    for (const i of most) {
      expect(found[i * size + size - 1]).toBeCloseTo(whole[i]![size - 1]!, 4);
      // But for what the one item tells of the head itself.
      expect(Math.abs(found[(size - 1) * size + i]! - whole[size - 1]![i]!)).toBeLessThan(0.05);
    }
  });

  it('are apart only in a large catalogue that mostly sells others', () => {
    const catalogue = (takersOf: (item: number) => number): Interactions => {
      const itemCount = 2000;
      const users: number[][] = Array.from({ length: 400 }, () => []);
      for (let item = 0; item < itemCount; item++)
        for (let n = 0; n < takersOf(item); n++) users[(item * 7 + n) % 400]!.push(item);
      const items = users.flat();
      const offsets = Int32Array.from([0, ...users.map(({ length }) => length)]);
      for (let user = 0; user < 400; user++) offsets[user + 1]! += offsets[user]!;
      return {
        itemCount,
        offsets,
        items: Int32Array.from(items),
        weights: new Float32Array(items.length).fill(1),
      };
    };
    const found = headOf(catalogue((item) => (item % 2 === 0 ? 60 : 3)));
    expect(found).toHaveLength(1000);
    expect([...found!.slice(0, 3)]).toEqual([0, 2, 4]);
    expect(headOf(catalogue((item) => (item % 2 === 0 ? 20 : 19)))).toBeNull();
    expect(headOf(catalogue(() => 30))).toBeNull();
    expect(headOf(data)).toBeNull();
  });
});
