import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ownPurchases } from '../src/models/recommender/shop-log.ts';
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
  await db.adminPool.query(
    "INSERT INTO app_schema.products (name) SELECT 'P' || n FROM generate_series(1, $1) n",
    [PRODUCTS],
  );
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

type Table = NonNullable<Version['weights']>;

/** Of each product of the history the weights that a list reads: ceil(200 h(i)), the largest first. */
function readOf(table: Table, history: ReadonlyMap<number, number>): Table {
  return Object.fromEntries(
    [...history].map(([id, h]) => {
      const row = Object.entries(table[id] ?? {}).sort(([, a], [, b]) => b - a);
      return [id, Object.fromEntries(row.slice(0, Math.ceil(200 * h)))];
    }),
  );
}

/** A new customer of whom this is known. */
async function customerOf(events: readonly Happening[]): Promise<number> {
  const { rows } = await db.adminPool.query('INSERT INTO app_schema.users DEFAULT VALUES RETURNING user_id');
  for (const { product: id, type, hour } of events)
    await db.adminPool.query(
      'INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp) VALUES ($1, $2, $3, $4)',
      [rows[0].user_id, id, type, new Date(START + (hour * DAY_MS) / 24)],
    );
  return rows[0].user_id;
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
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(happening, { maxLength: 25, selector: ({ hour }) => hour }),
      pairs,
      async (events, weights) => {
        const user = await customerOf(events);
        const all: Table = {};
        for (const [from, to, w] of weights) all[from] = { ...all[from], [to]: w };
        const demand = Array.from({ length: PRODUCTS }, (_, n) => ({
          product_id: n + 1,
          popularity: (n + 1) / 16,
        }));
        await publishVersion(db.appPool, { demand, weights: all });

        const history = historyOf(events);
        const table = readOf(all, history);
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
          // The weightiest product of the history is the reason, where one adds anything.
          const parts = [...history].map(([from, h]) => h * (table[from]?.[item.product_id] ?? 0));
          expect(item.reason_weight ?? 0).toBeCloseTo(Math.max(0, ...parts), 6);
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

it('a list reads 200 pairs of weights, shared among the products of the history by their weights, and at most 10 by content', async () => {
  const wide = 120;
  const like = 20;
  const { rows } = await db.adminPool.query(
    "INSERT INTO app_schema.products (name) SELECT 'W' || n FROM generate_series(1, $1) n RETURNING product_id",
    [3 * (wide + like)],
  );
  const ids = rows.map((row) => row.product_id as number);
  const sources = [1, 2, 3];
  const weights: Table = {};
  const similarities: Table = {};
  for (const [k, source] of sources.entries()) {
    const own = ids.slice(k * (wide + like), (k + 1) * (wide + like));
    const falling = (part: number[]) =>
      Object.fromEntries(part.map((id, place) => [id, 1 - place / (2 * wide)]));
    weights[source] = falling(own.slice(0, wide));
    similarities[source] = falling(own.slice(wide));
  }
  await publishVersion(db.appPool, {
    demand: [{ product_id: 1, popularity: 0 }],
    weights,
    content: { similarities },
  });
  const types = ['purchase', 'add_to_cart', 'view'] as const;
  const user = await customerOf(sources.map((id, k) => ({ product: id, type: types[k]!, hour: 9000 })));
  const items = await getRecommendations(db.appPool, user, 500);
  const total = 1 + 0.5 + 0.2;
  const expected = [1, 0.5, 0.2].flatMap((strength, k) => {
    const h = strength / total;
    const read = Object.entries(weights[sources[k]!]!).slice(0, Math.ceil(200 * h));
    const alike = Object.keys(similarities[sources[k]!]!).slice(0, Math.floor(10 * h));
    return [
      ...read.map(([id, weight]) => ({ id, score: h * weight })),
      ...alike.map((id) => ({ id, score: undefined })),
    ];
  });
  const found = new Map(
    items.filter(({ score }) => score > 0).map((item) => [String(item.product_id), item]),
  );
  expect([...found.keys()].sort()).toEqual(expected.map(({ id }) => id).sort());
  for (const each of expected)
    if (each.score === undefined) expect(found.get(each.id)!.reason_code).toBe('similar');
    else expect(found.get(each.id)!.score).toBeCloseTo(each.score, 6);
});

const NOW_HOUR = 2000;
const reading = {
  repeatWeight: 0.7,
  repeatPower: 1.5,
  repeatSharePower: 0.5,
  repeatHalfLifeDays: 30,
  habitPurchases: 2,
  dueAfter: 0.25,
  buyAgainShare: 1,
};
/** Every second product is bought repeatedly by the many, every third has an interval of its own. */
const repetition = (id: number) => ({
  isRepeated: id % 2 === 0,
  share: Math.fround(id / 16),
  days: id % 3 === 0 || id % 2 === 0 ? id * 4 : null,
});

/** Scores of what is due, by its definition: purchases halved every 30 days before the customer's last one. */
function dueOf(purchases: readonly Happening[]): Map<number, number> {
  const newest = Math.max(...purchases.map(({ hour }) => hour));
  const due = new Map<number, number>();
  for (const id of new Set(purchases.map((event) => event.product))) {
    const hours = purchases.filter((event) => event.product === id).map(({ hour }) => hour);
    const [first, last] = [Math.min(...hours), Math.max(...hours)];
    const { isRepeated, share, days } = repetition(id);
    const isHabit = hours.length >= 2 && last - first >= 24;
    const interval = days ?? (last - first) / 24 / (hours.length - 1);
    if (!(isRepeated || isHabit) || NOW_HOUR < last + 24 * 0.25 * interval) continue;
    const times = hours.reduce((sum, hour) => sum + 0.5 ** ((newest - hour) / 24 / 30), 0);
    due.set(id, 0.7 * share ** 0.5 * times ** 1.5);
  }
  return due;
}

it('what is due scores by how often the customer bought it, and a habit of one customer makes it due', async () => {
  const demand = Array.from({ length: PRODUCTS }, (_, n) => {
    const { isRepeated, share, days } = repetition(n + 1);
    return {
      product_id: n + 1,
      popularity: 0.5,
      repeat_share: share,
      is_bought_repeatedly: isRepeated,
      repeat_interval_days: days,
    };
  });
  await publishVersion(db.appPool, { demand, reading });
  const purchase = fc.record({
    product: fc.integer({ min: 1, max: 5 }),
    type: fc.constant<Happening['type']>('purchase'),
    hour: fc.integer({ min: 0, max: NOW_HOUR - 1 }),
  });
  const purchases = fc.uniqueArray(purchase, { minLength: 1, maxLength: 15, selector: ({ hour }) => hour });
  await fc.assert(
    fc.asyncProperty(purchases, async (events) => {
      const user = await customerOf(events);
      const as_of = new Date(START + (NOW_HOUR * DAY_MS) / 24).toISOString();
      const items = await getRecommendations(db.appPool, user, PRODUCTS, { as_of });
      const due = dueOf(events);
      const again = items.filter(({ reason_code }) => reason_code === 'buy_again');
      expect(again.map((item) => item.product_id).sort()).toEqual([...due.keys()].sort());
      for (const { product_id, score } of again) expect(score).toBeCloseTo(due.get(product_id)! + 0.005, 6);
      const bought = new Set(events.map((event) => event.product));
      for (const item of items) expect(due.has(item.product_id)).toBe(bought.has(item.product_id));

      const sorted = events.toSorted((a, b) => a.hour - b.hour);
      const log = {
        itemCount: PRODUCTS + 1,
        offsets: Int32Array.of(0, sorted.length),
        items: Int32Array.from(sorted, (event) => event.product),
        days: Float64Array.from(sorted, ({ hour }) => hour / 24),
        kinds: new Uint8Array(sorted.length).fill(2),
      };
      const own = ownPurchases(log, 0, NOW_HOUR / 24, 30);
      for (const [id, score] of due)
        expect(0.7 * repetition(id).share ** 0.5 * own.get(id)!.times ** 1.5).toBeCloseTo(score, 6);
    }),
    { numRuns: 12, seed: 7 },
  );
});
