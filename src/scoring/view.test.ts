import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Population } from './features.ts';
import { createStandings, joinStandings, mergeStandings } from './standings.ts';
import { portionsOf } from './view.ts';

function populationOf(userIds: number[]): Population {
  const userId = Int32Array.from(userIds);
  return {
    moment: new Date(0),
    size: userIds.length,
    userId,
    column: () => Float64Array.from(userId, (id) => id * 10),
  };
}

it('portions hold everybody once, in order, with their numbers, and end at the last possible id (property)', () => {
  const people = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 200 }), fc.boolean()), {
    selector: ([id]) => id,
  });
  fc.assert(
    fc.property(people, fc.integer({ min: 1, max: 7 }), (everybody, customers) => {
      const sorted = everybody.toSorted(([a], [b]) => a - b);
      const idsOf = (bought: boolean) => sorted.flatMap(([id, each]) => (each === bought ? [id] : []));
      const [buyers, visitors] = [populationOf(idsOf(true)), populationOf(idsOf(false))];
      const portions = portionsOf({ buyers, visitors }, customers);
      const standings = portions.map(({ populations }) =>
        mergeStandings(
          createStandings(populations.buyers.userId, { orders: populations.buyers.column('orders') }),
          createStandings(populations.visitors.userId, {}),
        ),
      );
      const all = joinStandings(standings);
      expect(Array.from(all.userId)).toEqual(sorted.map(([id]) => id));
      expect(Array.from(all.orders)).toEqual(sorted.map(([id, bought]) => (bought ? id * 10 : Number.NaN)));
      let after = 0;
      portions.forEach(({ populations, buyersFrom, upTo }, i) => {
        const { userId } = standings[i]!;
        expect(userId.length).toBeLessThanOrEqual(customers);
        expect(Array.from(userId).every((id) => id > after && id <= upTo)).toBe(true);
        expect(Array.from(buyers.userId.subarray(buyersFrom, buyersFrom + populations.buyers.size))).toEqual(
          Array.from(populations.buyers.userId),
        );
        after = upTo;
      });
      expect(after).toBe(2 ** 31 - 1);
    }),
  );
});
