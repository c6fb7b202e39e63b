import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TopItems } from './top-items.ts';

it('finds what sorting would, whatever the order, with ties to the lower number', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -3, max: 3 }), { maxLength: 300 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer(),
      (scores, count, seed) => {
        const items = Int32Array.from(scores.keys());
        // Any order of the numbers, the same for the same seed.
        const shuffled = items.slice().sort((a, b) => ((a * 7919 + seed) % 311) - ((b * 7919 + seed) % 311));
        const expected = [...items].sort((a, b) => scores[b]! - scores[a]! || a - b).slice(0, count);
        const top = new TopItems(count);
        expect([...top.select(scores)]).toEqual(expected);
        const reordered = Float64Array.from(shuffled, (item) => scores[item]!);
        expect([...top.select(reordered, shuffled)]).toEqual(expected);
        const inPart = [...top.select(reordered, shuffled, 3)];
        expect(inPart.slice(0, 3)).toEqual(expected.slice(0, 3));
        expect(new Set(inPart)).toEqual(new Set(expected));
        expect(inPart).toHaveLength(expected.length);
      },
    ),
  );
});

it('leaves out what is no candidate', () => {
  const scores = [Number.NEGATIVE_INFINITY, 1, Number.NaN, 0];
  expect([...new TopItems(4).select(scores)]).toEqual([1, 3]);
  expect([...new TopItems(4).select(scores, Int32Array.of(9, 8, 7, 6))]).toEqual([8, 6]);
});
