import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { getRecommendations } from '../src/recommendations/serve.ts';
import { publishVersion, type Version } from './support/recommender.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

const PRODUCTS = 12;
const DAY_MS = 86_400_000;
const START = Date.parse('2024-01-01T00:00:00Z');
const strengths = { view: 0.2, add_to_cart: 0.5, purchase: 1, refund: 0 } as const;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

interface Happening {
  product: number;
  type: keyof typeof strengths;
  hour: number;
}

/** h(i) of each product: the strongest of its events, halved every 90 days before the newest; nothing from before it came back. */
function historyOf(events: readonly Happening[]): Map<number, number> {
  const newest = Math.max(...events.map((event) => event.hour));
  const history = new Map<number, number>();
  for (const product of new Set(events.map((event) => event.product))) {
    const own = events.filter((event) => event.product === product);
    const back = Math.max(-1, ...own.filter(({ type }) => type === 'refund').map(({ hour }) => hour));
    const weights = own
      .filter(({ hour }) => hour > back)
      .map(({ type, hour }) => strengths[type] * 0.5 ** ((newest - hour) / 24 / 90));
    if (weights.length > 0) history.set(product, Math.max(...weights));
  }
  const total = [...history.values()].reduce((sum, weight) => sum + weight, 0);
  return new Map([...history].map(([product, weight]) => [product, weight / total]));
}

const product = fc.integer({ min: 1, max: PRODUCTS });
const happening = fc.record({
  product,
  type: fc.constantFrom<Happening['type']>('view', 'view', 'add_to_cart', 'purchase', 'refund'),
  hour: fc.integer({ min: 0, max: 9000 }),
});
const weight = fc.integer({ min: -100, max: 100 }).map((hundredths) => hundredths / 128);
const pairs = fc.uniqueArray(fc.tuple(product, product, weight), {
  maxLength: 60,
  selector: ([a, b]) => `${a}:${b}`,
});

it('the score is the sum of h(i) w(i, j) plus a hundredth of the popularity, whatever the weights and the history', async () => {
  await db.adminPool.query(
    "INSERT INTO app_schema.products (name) SELECT 'P' || n FROM generate_series(1, $1) n",
    [PRODUCTS],
  );
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(happening, { maxLength: 25, selector: ({ hour }) => hour }),
      pairs,
      async (events, weights) => {
        const user = (
          await db.adminPool.query('INSERT INTO app_schema.users DEFAULT VALUES RETURNING user_id')
        ).rows[0].user_id;
        for (const { product: id, type, hour } of events)
          await db.adminPool.query(
            'INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp) VALUES ($1, $2, $3, $4)',
            [user, id, type, new Date(START + (hour * DAY_MS) / 24)],
          );
        const table: NonNullable<Version['weights']> = {};
        for (const [from, to, w] of weights) table[from] = { ...table[from], [to]: w };
        const demand = Array.from({ length: PRODUCTS }, (_, n) => ({
          product_id: n + 1,
          popularity: (n + 1) / 16,
        }));
        await publishVersion(db.appPool, { demand, weights: table });

        const history = historyOf(events);
        const bought = new Set(events.filter(({ type }) => type === 'purchase').map(({ product: id }) => id));
        const expected = demand
          .filter(({ product_id }) => !bought.has(product_id))
          .map(({ product_id, popularity }) => {
            let score = 0.01 * popularity;
            for (const [from, h] of history) score += h * (table[from]?.[product_id] ?? 0);
            return { product_id, score };
          })
          .sort((a, b) => b.score - a.score || a.product_id - b.product_id);
        const items = await getRecommendations(db.appPool, user, PRODUCTS);
        expect(items.map((item) => item.product_id).sort()).toEqual(
          expected.map((row) => row.product_id).sort(),
        );
        for (const [rank, item] of items.entries()) {
          expect(item.rank).toBe(rank + 1);
          expect(item.score).toBeCloseTo(expected[rank]!.score, 6);
          const because = item.reason_product_id;
          if (because !== null)
            expect(item.reason_weight).toBeCloseTo(
              history.get(because)! * table[because]![item.product_id]!,
              6,
            );
        }
      },
    ),
    { numRuns: 12, seed: 5 },
  );
});
