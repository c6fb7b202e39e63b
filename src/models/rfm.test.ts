import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignRfmSegments, quintileScores } from './rfm.ts';
import { rfmSegments } from './rfm-segments.ts';

const inside = (score: number, [low, high]: readonly [number, number]) => score >= low && score <= high;
const scores = [1, 2, 3, 4, 5];

function codeOf(id: number | undefined): string | undefined {
  return rfmSegments.find((segment) => segment.id === id)?.code;
}

describe('rfmSegments', () => {
  it('cover each of the 125 cells exactly once', () => {
    for (const r of scores) {
      for (const f of scores) {
        for (const m of scores) {
          const boxes = rfmSegments.flatMap(({ code, rules }) =>
            rules
              .filter(
                (rule) => inside(r, rule.recency) && inside(f, rule.frequency) && inside(m, rule.monetary),
              )
              .map(() => code),
          );
          expect(boxes, `cell ${r}${f}${m}`).toHaveLength(1);
        }
      }
    }
  });

  it('have the ids 1 to n, their own codes, and texts in both languages', () => {
    expect(rfmSegments.map(({ id }) => id)).toEqual(rfmSegments.map((_, i) => i + 1));
    expect(new Set(rfmSegments.map(({ code }) => code)).size).toBe(rfmSegments.length);
    for (const { code, name, description } of rfmSegments) {
      expect(code).toMatch(/^[a-z_]+$/);
      for (const text of [name.ru, description.ru]) expect(text).toMatch(/^[А-ЯЁ]/);
      for (const text of [name.en, description.en]) expect(text).toMatch(/^[A-Z][\x20-\x7e]+$/);
    }
  });
});

describe('quintileScores', () => {
  it('cuts values without ties into fifths', () => {
    expect([...quintileScores(Float64Array.of(50, 20, 10, 40, 30))]).toEqual([5, 2, 1, 4, 3]);
    for (const n of [5, 10, 100, 1000]) {
      const counts = new Map<number, number>();
      for (const score of quintileScores(Float64Array.from({ length: n }, (_, i) => (i * 7919) % n))) {
        counts.set(score, (counts.get(score) ?? 0) + 1);
      }
      expect([...counts.keys()].sort()).toEqual(scores);
      for (const count of counts.values()) expect(count).toBe(n / 5);
    }
  });

  it('stays sensible with few distinct values and with many ties', () => {
    const of = (...values: number[]) => [...quintileScores(Float64Array.from(values))];
    expect(of()).toEqual([]);
    expect(of(7)).toEqual([3]);
    expect(of(7, 7, 7)).toEqual([3, 3, 3]);
    expect(of(1, 2)).toEqual([1, 5]);
    expect(of(1, 2, 3)).toEqual([1, 3, 5]);
    expect(of(1, 1, 1, 1, 1, 1, 1, 1, 2, 3)).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 5, 5]);
    expect(of(1, 1, 1, 1, 1, 1, 2, 2, 3, 3)).toEqual([1, 1, 1, 1, 1, 1, 4, 4, 5, 5]);
    expect(of(0, -0, 1e9, 10_000)).toEqual([1, 1, 5, 4]);
  });

  it('is the stretched share strictly below, gives equal scores to equal values and keeps the order', () => {
    const value = fc.oneof(fc.integer({ min: 0, max: 6 }), fc.double({ min: -1e9, max: 1e9, noNaN: true }));
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 60 }), (list) => {
        const result = quintileScores(Float64Array.from(list));
        const largest = Math.max(...list);
        const below = (v: number) => list.filter((other) => other < v).length;
        list.forEach((v, i) => {
          const place = below(largest) === 0 ? 2 : Math.min(4, Math.floor((5 * below(v)) / below(largest)));
          expect(result[i]).toBe(1 + place);
        });
      }),
    );
  });
});

describe('assignRfmSegments', () => {
  it('names the obvious cases', () => {
    // Five fifths of customers: from those of today with 20 orders to those of a year ago with one.
    const fifth = Float64Array.of(1, 2, 3, 4, 5);
    const best = assignRfmSegments({
      recencyDays: fifth,
      frequency: fifth.toReversed(),
      monetary: fifth.toReversed(),
    });
    expect([...best.recencyScores]).toEqual([5, 4, 3, 2, 1]);
    expect([...best.segmentIds].map(codeOf)).toEqual([
      'champions',
      'champions',
      'needs_attention',
      'hibernating',
      'lost',
    ]);
    const turned = assignRfmSegments({ recencyDays: fifth, frequency: fifth, monetary: fifth });
    expect([...turned.segmentIds].map(codeOf)).toEqual([
      'new',
      'potential_loyal',
      'needs_attention',
      'cannot_lose',
      'cannot_lose',
    ]);
  });

  it('takes one customer, none, and extreme amounts', () => {
    const one = assignRfmSegments({
      recencyDays: Float64Array.of(0),
      frequency: Float64Array.of(10_000),
      monetary: Float64Array.of(1e9),
    });
    expect([...one.segmentIds].map(codeOf)).toEqual(['needs_attention']);
    const empty = new Float64Array(0);
    expect(
      assignRfmSegments({ recencyDays: empty, frequency: empty, monetary: empty }).segmentIds,
    ).toHaveLength(0);
    const refunds = assignRfmSegments({
      recencyDays: Float64Array.of(5, 5),
      frequency: Float64Array.of(1, 1),
      monetary: Float64Array.of(-1e9, 0),
    });
    expect([...refunds.monetaryScores]).toEqual([1, 5]);
  });

  it('does not hang on the order of rows, and leaves its input alone', () => {
    const row = fc.tuple(
      fc.integer({ min: 0, max: 400 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 0, max: 500 }),
    );
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 50 }), (rows) => {
        const assign = (list: typeof rows) => {
          const column = (k: 0 | 1 | 2) => Float64Array.from(list, (r) => r[k]);
          const data = { recencyDays: column(0), frequency: column(1), monetary: column(2) };
          const { segmentIds } = assignRfmSegments(data);
          expect([...data.recencyDays]).toEqual(list.map((r) => r[0]));
          return [...segmentIds];
        };
        expect(assign(rows.toReversed())).toEqual(assign(rows).reverse());
      }),
    );
  });

  it('names the row of bad input', () => {
    const good = Float64Array.of(1, 2);
    for (const bad of [-1, Number.NaN, Infinity]) {
      expect(() =>
        assignRfmSegments({ recencyDays: Float64Array.of(1, bad), frequency: good, monetary: good }),
      ).toThrowError(
        expect.objectContaining({ code: 'MODEL_BAD_INPUT', details: expect.objectContaining({ row: 1 }) }),
      );
    }
    expect(() =>
      assignRfmSegments({ recencyDays: good, frequency: good, monetary: Float64Array.of(1) }),
    ).toThrowError(/length/);
  });
});
