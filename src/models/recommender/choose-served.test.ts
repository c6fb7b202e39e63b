import { describe, expect, it } from 'vitest';
import { plainLinearAlgebra } from '../linear-algebra/plain.ts';
import { Random } from '../random.ts';
import { type Demand, trendOf, weightsOf } from './assemble-served.ts';
import { chooseServed, defaultServedPoint } from './choose-served.ts';
import { densePairs, gramMatrix, rememberedPairs } from './item-pairs.ts';
import { headOfLog } from './log-sample.ts';
import { SEARCHED_ITEMS, type ServedCandidate, servedCandidates } from './served-candidates.ts';
import type { ShopLog } from './shop-log.ts';

const LIMITS = { width: 5, historyEvents: 200, historyProducts: 30 };
const PURCHASE = 2;

/** Who takes an even item takes the odd one after it some days later; over 100 days, of `itemCount` items the first `sold`. */
function pairedLog(customers: number, itemCount: number, sold: number): ShopLog {
  const random = Random.fromSeed(5);
  const rows = Array.from({ length: customers }, () => {
    const events: [day: number, item: number][] = [];
    for (let n = 0; n < 6; n++) {
      const item = 2 * Math.floor((random.uniform() * sold) / 2);
      const day = 90 * random.uniform();
      events.push([day, item], [day + 10 * random.uniform(), item + 1]);
    }
    return events.sort(([a], [b]) => a - b);
  });
  const all = rows.flat();
  return {
    itemCount,
    offsets: Int32Array.from([0, ...rows.map((_, at) => rows.slice(0, at + 1).flat().length)]),
    items: Int32Array.from(all, ([, item]) => item),
    days: Float64Array.from(all, ([day]) => day),
    kinds: new Uint8Array(all.length).fill(PURCHASE),
  };
}

const demandOf = (itemCount: number): Demand => ({
  popularity: new Float32Array(itemCount).fill(0.5),
  repetition: {
    isRepeated: new Uint8Array(itemCount),
    share: new Float32Array(itemCount),
    intervalDays: new Float32Array(itemCount),
  },
});

const windowsOf = (itemCount: number, ...starts: number[]) =>
  starts.map((from, at) => ({ from, to: [100, ...starts][at]!, demand: demandOf(itemCount) }));

/** Item-item similarity that remembers what it was fitted on. */
function watched(fits: [items: number, until: number][]): ServedCandidate {
  const knn = servedCandidates(plainLinearAlgebra)[1]!;
  return {
    ...knn,
    fit: (log, until, point) => {
      fits.push([log.itemCount, until]);
      return knn.fit(log, until, point);
    },
  };
}

describe('choosing what is served', () => {
  it('finds what goes together, and names what each way reached in the latest window', async () => {
    const log = pairedLog(300, 60, 60);
    const chosen = await chooseServed({
      log,
      candidates: servedCandidates(plainLinearAlgebra),
      windows: windowsOf(60, 80, 60),
      k: 10,
      buyAgainShare: null,
      ...LIMITS,
    });
    expect(chosen!.candidate.name).not.toBe('popularity');
    expect(chosen!.scores['served']!.fresh).toBeGreaterThan(2 * chosen!.scores['popularity']!.fresh);
    expect(Object.keys(chosen!.scores)).toEqual(['popularity', 'item-knn', 'ridge', 'served']);
  });

  it('searches on the head of a large catalogue, and fits what it found on all of it, before each window', async () => {
    const itemCount = SEARCHED_ITEMS + 100;
    const fits: [number, number][] = [];
    const search = {
      log: pairedLog(200, itemCount, 80),
      candidates: [watched(fits)],
      k: 10,
      buyAgainShare: 0.5,
      ...LIMITS,
    };
    const chosen = await chooseServed({ ...search, windows: windowsOf(itemCount, 80, 60) });
    expect(fits.slice(-2)).toEqual([
      [itemCount, 80],
      [itemCount, 60],
    ]);
    expect(new Set(fits.slice(0, -2).map(String))).toEqual(new Set([`${SEARCHED_ITEMS},80`]));
    expect(chosen!.scores['served']!.fresh).toBeGreaterThan(0.2);
  });

  it('leaves out an earlier window in which too few bought, and chooses nothing where the latest is one', async () => {
    const fits: [number, number][] = [];
    const search = {
      log: pairedLog(300, 60, 60),
      candidates: [watched(fits)],
      k: 10,
      buyAgainShare: null,
      ...LIMITS,
    };
    const chosen = await chooseServed({ ...search, windows: windowsOf(60, 80, 79.99) });
    expect(new Set(fits.map(([, until]) => until))).toEqual(new Set([80]));
    expect(chosen!.questions).toBeLessThan(300);
    expect(await chooseServed({ ...search, windows: windowsOf(60, 99.99, 60) })).toBeUndefined();
  });
});

describe('what a search saves', () => {
  it('keeps the pairs of one log and one moment, not those of another', async () => {
    const ridge = () => servedCandidates(plainLinearAlgebra)[2]!;
    const [large, small] = [pairedLog(100, 60, 40), pairedLog(90, 60, 40)];
    const kept = ridge();
    await kept.fit(headOfLog(large, 50), 100, kept.start);
    for (const [log, until] of [
      [large, 100],
      [small, 100],
      [small, 50],
    ] as const)
      expect(await kept.fit(log, until, kept.start)).toEqual(await ridge().fit(log, until, kept.start));
  });

  it('weighs the rows that are read as it weighs all', async () => {
    const log = pairedLog(100, 40, 40);
    const base = await servedCandidates(plainLinearAlgebra)[1]!.fit(log, 100, {
      shrinkage: 2,
      strengthPower: 0.5,
    });
    const point = { ...defaultServedPoint, trendPower: 1, selfWeight: 0.3, selfTrendPower: 0.5 };
    const whole = weightsOf(base, trendOf(log, 100), point, 5);
    const some = weightsOf(base, trendOf(log, 100), point, 5, [3, 8]);
    for (const part of ['ids', 'weights'] as const) {
      expect(some[part].filter((row) => row.length > 0)).toEqual([whole[part][3], whole[part][8]]);
      expect(whole[part].every((row) => row.length <= 5)).toBe(true);
    }
  });

  it('remembers the products of pairs', async () => {
    const data = {
      itemCount: 4,
      offsets: Int32Array.of(0, 3, 5),
      items: Int32Array.of(0, 1, 3, 1, 2),
      weights: Float32Array.of(1, 2, 3, 4, 5),
    };
    const pairs = densePairs(await gramMatrix(data, plainLinearAlgebra), 4);
    const remembered = rememberedPairs(pairs);
    const members = Int32Array.of(3, 1, 2);
    const asked = Array.from({ length: 3 }, () => new Float32Array(16));
    pairs.fill(members, asked[0]!, 4);
    for (const target of asked.slice(1)) remembered.fill(members, target, 4);
    expect(asked[0]).toEqual(Float32Array.of(0, 6, 0, 0, 6, 0, 20, 0, 0, 20, 0, 0, 0, 0, 0, 0));
    expect(asked.slice(1)).toEqual([asked[0], asked[0]]);
  });
});
