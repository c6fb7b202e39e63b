import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OccurrenceCounter } from './occurrence-counter.ts';

describe('OccurrenceCounter', () => {
  it('numbers like a map of counts, in any order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b', 'ab', 'ba', '536365/85123A', '536365/85123a', '')),
        (keys) => {
          const counter = new OccurrenceCounter();
          const counts = new Map<string, number>();
          for (const key of keys) {
            const expected = (counts.get(key) ?? 0) + 1;
            counts.set(key, expected);
            expect(counter.next(key)).toBe(expected);
          }
        },
      ),
    );
  });

  it('tells 300,000 keys apart, growing on the way', () => {
    const counter = new OccurrenceCounter();
    const sum = (): number => {
      let total = 0;
      for (let i = 0; i < 300_000; i++) total += counter.next(`${536365 + (i >> 4)}/${20000 + (i % 4000)}A`);
      return total;
    };
    expect([sum(), sum(), sum()]).toEqual([300_000, 600_000, 900_000]);
  });

  it('recognises a repeat one generation apart and forgets one that is two apart', () => {
    const counter = new OccurrenceCounter(100);
    const fill = (name: string, count: number): void => {
      for (let i = 0; i < count; i++) counter.next(`${name}${i}`);
    };
    counter.next('early');
    fill('x', 120);
    expect(counter.next('early')).toBe(2);
    fill('y', 250);
    expect(counter.next('early')).toBe(1);
  });
});
