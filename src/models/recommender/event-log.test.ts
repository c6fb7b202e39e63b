import { describe, expect, it } from 'vitest';
import { trendFactors } from './demand-trend.ts';
import { type EventLog, interactionsOf } from './event-log.ts';
import { climbGrid } from './grid-climb.ts';
import { historyOf } from './interactions.ts';
import { momentOfShare, questions, splitAtRandom, splitByTime } from './validation-split.ts';

/** Rows of [item, day]. */
function log(rows: readonly (readonly (readonly [number, number])[])[], itemCount = 10): EventLog {
  const flat = rows.flat();
  let end = 0;
  return {
    itemCount,
    offsets: Int32Array.from([0, ...rows.map((row) => (end += row.length))]),
    items: Int32Array.from(flat, ([item]) => item),
    times: Float64Array.from(flat, ([, day]) => day),
    strengths: new Float32Array(flat.length).fill(1),
  };
}

describe('strengths of a history', () => {
  const events = log([
    [
      [3, 0],
      [1, 10],
      [3, 10],
    ],
    [],
    [[2, 5]],
  ]);

  it('count an item once in a row: taken or not, or as often and lately as it was', () => {
    const once = interactionsOf(events, 10);
    expect([...historyOf(once, 0).items]).toEqual([1, 3]);
    expect([...historyOf(once, 0).weights]).toEqual([1, 1]);
    expect(historyOf(once, 1).items.length).toBe(0);
    const decayed = historyOf(interactionsOf(events, 10, { power: 1, halfLifeDays: 10 }), 0);
    expect([...decayed.weights]).toEqual([1, 1.5]);
    const damped = historyOf(interactionsOf(events, 10, { power: 0.5, halfLifeDays: 10 }), 0);
    expect(damped.weights[1]).toBeCloseTo(Math.sqrt(1.5), 6);
  });

  it('stay above zero however old', () => {
    const { weights } = interactionsOf(events, 1e9, { power: 1, halfLifeDays: 1 });
    expect(weights.every((weight) => weight > 0)).toBe(true);
  });
});

describe('the part held out', () => {
  const events = log(
    Array.from(
      { length: 20 },
      (_, u) =>
        [
          [u % 5, 0],
          [5, 1],
          [6, 2],
          [u % 5, 3],
          [7, 9],
        ] as const,
    ),
  );

  it('at random takes an item with all its events, a share of each user, the same for the same seed', () => {
    const split = splitAtRandom(events, 0.25, 4);
    split.heldOut.forEach((held, user) => {
      expect(held.length).toBe(1);
      const { items } = historyOf(interactionsOf(split.past, 0), user);
      expect(items.length).toBe(3);
      expect(items).not.toContain(held[0]);
    });
    expect(splitAtRandom(events, 0.25, 4)).toEqual(split);
    expect(splitAtRandom(events, 0.25, 5).heldOut).not.toEqual(split.heldOut);
  });

  it('by time takes what came at a moment and after it, old items as new ones', () => {
    const split = splitByTime(events, 3);
    expect([...split.heldOut[2]!]).toEqual([2, 7]);
    expect(Math.max(...split.past.times)).toBe(2);
    const known = interactionsOf(split.past, 3);
    expect([...questions(known, split, true)[2]!.items]).toEqual([2, 7]);
    expect([...questions(known, split, false)[2]!.items]).toEqual([7]);
    expect(questions(known, split, true, 6).length).toBe(6);
    expect(momentOfShare(events, 0.2)).toBe(9);
  });
});

describe('trend', () => {
  it('lifts what sells now above what sold as much long ago; power 0 is none', () => {
    const rows = Array.from({ length: 40 }, (_, u) => [[u % 2, u % 2 === 0 ? 0 : 100]] as const);
    const events = log(rows, 3);
    const factors = trendFactors(events, 100, { halfLifeDays: 7, power: 1 });
    expect(factors[1]! / factors[0]!).toBeGreaterThan(20);
    expect(factors[2]).toBeCloseTo(0.1, 6);
    expect([...trendFactors(events, 100, { halfLifeDays: 7, power: 0 })]).toEqual([1, 1, 1]);
  });
});

describe('climbing a grid', () => {
  it('finds the peak of a hill without asking for most of the grid', async () => {
    const axis = Array.from({ length: 11 }, (_, i) => i);
    const hill = async ({ a, b }: Readonly<Record<string, number>>) => -((a! - 8) ** 2) - (b! - 2) ** 2;
    const { point, tried } = await climbGrid({ a: axis, b: axis }, [{ a: 5, b: 5 }], hill);
    expect(point).toEqual({ a: 8, b: 2 });
    expect(tried).toBeLessThan(25);
    expect((await climbGrid({}, [{}], async () => 3)).score).toBe(3);
  });

  it('of two hills finds the higher where a start leads there, whatever the order, and asks for no point twice', async () => {
    const axis = Array.from({ length: 11 }, (_, i) => i);
    const asked: number[] = [];
    const hills = async ({ a }: Readonly<Record<string, number>>) => {
      asked.push(a!);
      return a! < 5 ? -Math.abs(a! - 2) : 1 - Math.abs(a! - 8);
    };
    for (const starts of [
      [{ a: 0 }, { a: 10 }],
      [{ a: 10 }, { a: 0 }],
    ]) {
      asked.length = 0;
      const { point, score, tried } = await climbGrid({ a: axis }, starts, hills);
      expect([point, score]).toEqual([{ a: 8 }, 1]);
      expect(new Set(asked).size).toBe(asked.length);
      expect(tried).toBe(asked.length);
    }
    expect((await climbGrid({ a: axis }, [{ a: 0 }], hills)).point).toEqual({ a: 2 });
  });
});
