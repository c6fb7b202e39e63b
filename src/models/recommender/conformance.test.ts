import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileKernel, runInPlace } from '../linear-algebra/kernel.ts';
import { plainLinearAlgebra } from '../linear-algebra/plain.ts';
import { SimdLinearAlgebra } from '../linear-algebra/simd.ts';
import { blendOf } from './blend.ts';
import { adjusted } from './demand-trend.ts';
import { fitEase } from './ease.ts';
import { interactionsOf } from './event-log.ts';
import { fitImplicitAls } from './implicit-als.ts';
import { historyOf, type Interactions, userCount } from './interactions.ts';
import { fitItemNeighbours } from './item-neighbours.ts';
import { fitPopularity } from './popularity.ts';
import type { ItemRecommender, Recommender } from './recommender.ts';
import { fitSparseRidge } from './sparse-ridge.ts';
import { TopItems } from './top-items.ts';

function interactions(rows: readonly (readonly number[])[], itemCount: number, weight = 1): Interactions {
  const offsets = [0];
  for (const row of rows) offsets.push(offsets.at(-1)! + row.length);
  const items = Int32Array.from(rows.flat());
  return {
    itemCount,
    offsets: Int32Array.from(offsets),
    items,
    weights: new Float32Array(items.length).fill(weight),
  };
}

type Fit = (data: Interactions) => Promise<Recommender> | Recommender;

const ridge = { lambda: 2, dropout: 0.1, rowNormalisation: 0.5 };
const itemModels: Record<string, (data: Interactions) => Promise<ItemRecommender> | ItemRecommender> = {
  ease: (data) => fitEase(data, ridge, plainLinearAlgebra),
  'sparse ridge': (data) => fitSparseRidge(data, { ...ridge, candidates: 4 }, plainLinearAlgebra),
  cosine: (data) => fitItemNeighbours(data, { neighbours: 20, shrinkage: 1 }),
  jaccard: (data) => fitItemNeighbours(data, { neighbours: 20, shrinkage: 0, similarity: 'jaccard' }),
  lift: (data) => fitItemNeighbours(data, { neighbours: 20, shrinkage: 1, similarity: 'lift' }),
  counts: (data) => fitItemNeighbours(data, { neighbours: 20, shrinkage: 0, similarity: 'counts' }),
};
const als: Fit = (data) =>
  fitImplicitAls(
    data,
    { factors: 6, iterations: 12, unobservedWeight: 0.1, regularisation: 0.005, seed: 3 },
    plainLinearAlgebra,
  );
const personal: Record<string, Fit> = {
  ...itemModels,
  als,
  blend: async (data) => blendOf(await itemModels['ease']!(data), await als(data), 0.4, data),
};
const all: Record<string, Fit> = { ...personal, popularity: fitPopularity };

/** Even users took even items, odd ones odd, each all but one: that one is the right answer (implicit's test of the same name). */
const checkerboard = interactions(
  Array.from({ length: 60 }, (_, user) =>
    Array.from({ length: 10 }, (_, k) => 2 * k + (user % 2)).filter(
      (_, k) => k !== Math.floor(user / 2) % 10,
    ),
  ),
  20,
);

function scoresOf(model: Recommender, data: Interactions, user: number): Float32Array {
  const scores = new Float32Array(model.itemCount);
  model.score(historyOf(data, user), scores);
  return scores;
}

describe.each(Object.entries(personal))('%s on a checkerboard', (_name, train) => {
  it('recommends to everybody the one item of its colour that is missing', async () => {
    const model = await train(checkerboard);
    for (let user = 0; user < userCount(checkerboard); user++) {
      const scores = scoresOf(model, checkerboard, user);
      for (const item of historyOf(checkerboard, user).items) scores[item] = Number.NEGATIVE_INFINITY;
      const [best] = new TopItems(1).select(scores);
      expect(best).toBe(2 * (Math.floor(user / 2) % 10) + (user % 2));
    }
  });

  it('gives the same scores twice, and scores a customer whom it never saw as one whom it did', async () => {
    const [one, other] = [await train(checkerboard), await train(checkerboard)];
    expect(scoresOf(one, checkerboard, 7)).toEqual(scoresOf(other, checkerboard, 7));
    const stranger = { items: Int32Array.of(0, 2, 4), weights: Float32Array.of(1, 1, 1) };
    const scores = new Float32Array(20);
    one.score(stranger, scores);
    expect(Math.min(...[6, 8, 10, 12].map((item) => scores[item]!))).toBeGreaterThan(
      Math.max(...[1, 3, 5, 7].map((item) => scores[item]!)),
    );
  });
});

describe.each(Object.entries(all))('%s at the edges', (_name, train) => {
  const bears = async (data: Interactions): Promise<void> => {
    const model = await train(data);
    for (let user = 0; user < userCount(data); user++)
      expect(scoresOf(model, data, user).every(Number.isFinite)).toBe(true);
    const scores = new Float32Array(data.itemCount).fill(Number.NaN);
    model.score({ items: new Int32Array(0), weights: new Float32Array(0) }, scores);
    expect(scores.every(Number.isFinite)).toBe(true);
  };

  it('bears nobody, one user, one item, a user without items, and an item that nobody or everybody took', async () => {
    await bears(interactions([], 0));
    await bears(interactions([], 3));
    await bears(interactions([[0, 1, 2]], 3));
    await bears(interactions([[0], [0]], 1));
    await bears(interactions([[], [0, 2], [], [0]], 4));
  });

  it('bears a user with thousands of items', async () => {
    await bears(interactions([Array.from({ length: 700 }, (_, item) => item), [0, 1], [1, 2]], 700));
  });

  it('never gives NaN, whatever people took and however strongly', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 7 })), { maxLength: 8 }),
        fc.constantFrom(1e-6, 0.01, 1, 5, 1000),
        async (rows, weight) => bears(interactions(rows, 8, weight)),
      ),
      { numRuns: 25 },
    );
  });

  it('refuses items outside the catalogue and weights that are no positive numbers', async () => {
    await expect((async () => train(interactions([[3]], 2)))()).rejects.toThrow(/item 3/);
    await expect((async () => train(interactions([[0]], 1, Number.NaN)))()).rejects.toThrow(/weight/);
  });
});

describe.each(Object.entries(itemModels))('%s as weights', (_name, train) => {
  it('scores what its published weights score: the sum over the history of strength times weight', async () => {
    const model = await train(checkerboard);
    const { ids, weights } = model.toNeighbours(model.itemCount);
    const history = { items: Int32Array.of(3, 8, 11), weights: Float32Array.of(0.5, 1, 2) };
    const expected = new Float64Array(20);
    history.items.forEach((item, k) => {
      ids[item]!.forEach((other, m) => {
        expected[other]! += history.weights[k]! * weights[item]![m]!;
      });
    });
    const scores = new Float32Array(20);
    model.score(history, scores);
    scores.forEach((score, item) => {
      expect(score).toBeCloseTo(expected[item]!, 5);
    });
    expect(model.toNeighbours(3).ids.every((list) => list.length <= 3)).toBe(true);
  });

  it('does not hang on how users are ordered, nor on the length of a history when it is scored', async () => {
    const rows = Array.from({ length: 30 }, (_, user) => [user % 6, 6 + (user % 3), 9 + ((user * 7) % 4)]);
    const [one, other] = [
      await train(interactions(rows, 13)),
      await train(interactions(rows.toReversed(), 13)),
    ];
    const history = (scale: number) => ({
      items: Int32Array.of(1, 7),
      weights: Float32Array.of(scale, 2 * scale),
    });
    const [a, b, doubled] = [new Float32Array(13), new Float32Array(13), new Float32Array(13)];
    one.score(history(1), a);
    other.score(history(1), b);
    one.score(history(2), doubled);
    a.forEach((score, item) => {
      expect(b[item]).toBeCloseTo(score, 4);
      expect(doubled[item]).toBeCloseTo(2 * score, 4);
    });
  });
});

describe('adjusted weights', () => {
  it('stretches each item by its factor, adds what an item says of itself, and publishes both', async () => {
    const model = await itemModels['ease']!(checkerboard);
    const factors = Float32Array.from({ length: 20 }, (_, item) => 1 + item / 10);
    const hybrid = adjusted(model, { factors, selfWeights: new Float32Array(20).fill(0.7) });
    const history = { items: Int32Array.of(4), weights: Float32Array.of(2) };
    const [plain, scores] = [new Float32Array(20), new Float32Array(20)];
    model.score(history, plain);
    hybrid.score(history, scores);
    scores.forEach((score, item) => {
      expect(score).toBeCloseTo(plain[item]! * factors[item]! + (item === 4 ? 1.4 : 0), 5);
    });
    const { ids, weights } = hybrid.toNeighbours(20);
    ids[4]!.forEach((other, k) => {
      expect(2 * weights[4]![k]!).toBeCloseTo(scores[other]!, 5);
    });
    expect(ids[4]).toContain(4);
  });
});

describe('what is large', () => {
  const simd = new SimdLinearAlgebra(runInPlace(compileKernel()!));

  it('bears a customer with 50,000 events, all of which count', async () => {
    const items = Int32Array.from({ length: 50_004 }, (_, k) => (k < 50_000 ? (k * 7) % 1000 : k % 4));
    const log = {
      itemCount: 1000,
      offsets: Int32Array.of(0, 50_000, 50_002, 50_004),
      items,
      times: Float64Array.from(items, (_, k) => k / 100),
      strengths: new Float32Array(items.length).fill(1),
    };
    const data = interactionsOf(log, 600, { power: 1 });
    expect(historyOf(data, 0).weights).toEqual(new Float32Array(1000).fill(50));
    for (const fit of [fitEase(data, ridge, simd), fitSparseRidge(data, { ...ridge, candidates: 20 }, simd)])
      for (let user = 0; user < 3; user++)
        expect(scoresOf(await fit, data, user).every(Number.isFinite)).toBe(true);
  });

  it('finds the other half of pairs among 12,000 products, one of which everybody bought', async () => {
    // Customer u has product 0 and both of pair u % 5,999.
    const rows = Array.from({ length: 12_000 }, (_, user) => {
      const pair = 2 * (user % 5999) + 1;
      return [0, pair, pair + 1];
    });
    const data = interactions(rows, 12_000);
    const model = await fitSparseRidge(data, { lambda: 0.5, candidates: 8 }, simd);
    const scores = new Float32Array(12_000);
    for (const item of [1, 778, 11_997]) {
      model.score({ items: Int32Array.of(0, item), weights: Float32Array.of(1, 1) }, scores);
      for (const own of [0, item]) scores[own] = Number.NEGATIVE_INFINITY;
      expect([...new TopItems(1).select(scores)]).toEqual([item % 2 === 1 ? item + 1 : item - 1]);
    }
    await expect(fitEase(data, ridge, simd)).rejects.toThrow('use the sparse ridge');
  });
});
