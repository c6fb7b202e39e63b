import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { publishVersion } from '../support/recommender.ts';
import { addEvent, addProduct, addUser } from '../support/rows.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

interface Row {
  product_id: number;
  category: string | null;
  score: number;
  reason_code: string;
  reason: string;
  reason_weight: number | null;
}

let database: TestDatabase;
let user: number;
/** Bought by the customer; the other products go with it, each less than the one before. */
let tea: number;
/** By turns of category A and B, prices 10, 20, …, 80. */
let others: number[];

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

beforeEach(async () => {
  await database.clear();
  const { appPool } = database;
  await appPool.query(
    'UPDATE app_schema.settings SET recommendation_diversity = 0, recommendation_max_per_category = NULL, recommendation_buy_again_share = NULL, recommendation_in_stock = true',
  );
  user = await addUser(appPool);
  tea = await addProduct(appPool, { name: 'Tea', category: 'Tea', price: 5 });
  others = [];
  for (let n = 1; n <= 8; n++)
    others.push(await addProduct(appPool, { name: `P${n}`, category: n % 2 ? 'A' : 'B', price: 10 * n }));
  await publishVersion(appPool, {
    demand: [tea, ...others].map((product_id) => ({ product_id, popularity: 0.1 })),
    weights: { [tea]: Object.fromEntries(others.map((id, n) => [id, 0.8 - 0.1 * n])) },
  });
  await addEvent(appPool, { user, product: tea, type: 'purchase', at: '2024-01-01Z' });
});

const sql = (text: string, values: unknown[] = []) => database.appPool.query(text, values);
const rule = (columns: Record<string, unknown>): Promise<unknown> => {
  const names = Object.keys(columns);
  return sql(
    `INSERT INTO app_schema.recommendation_rules (${names.join(', ')}) VALUES (${names.map((_, i) => `$${i + 1}`).join(', ')})`,
    Object.values(columns),
  );
};
async function recommend(options: unknown = {}, limit = 20): Promise<Row[]> {
  const { rows } = await database.mlPool.query<Row>(
    'SELECT * FROM app_schema.get_recommendations($1, $2, $3)',
    [user, limit, JSON.stringify(options)],
  );
  return rows;
}
/** The places of `others`, from 1. */
const places = (rows: Row[]): number[] => rows.map((row) => others.indexOf(row.product_id) + 1);

describe('rules of the shop take effect at the next read', () => {
  it('exclude by product, by category, by price, by all of them at once', async () => {
    expect(places(await recommend())).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    await rule({ action: 'exclude', product_id: others[0] });
    expect(places(await recommend())).toEqual([2, 3, 4, 5, 6, 7, 8]);
    await rule({ action: 'exclude', category: 'B', max_price: 40 });
    expect(places(await recommend())).toEqual([3, 5, 6, 7, 8]);
    await rule({ action: 'exclude', min_price: 60 });
    expect(places(await recommend())).toEqual([3, 5]);
    await sql('DELETE FROM app_schema.recommendation_rules');
    expect(places(await recommend())).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('include leaves only what one of them fits, and an exclusion still counts', async () => {
    await rule({ action: 'include', category: 'A' });
    await rule({ action: 'include', product_id: others[1] });
    await rule({ action: 'exclude', product_id: others[2] });
    expect(places(await recommend())).toEqual([1, 2, 5, 7]);
    const { rows } = await sql('SELECT * FROM app_schema.get_popular_products()');
    expect(places(rows)).toEqual([1, 2, 5, 7]);
  });

  it('boost multiplies the score, several of them together', async () => {
    const before = await recommend();
    await rule({ action: 'boost', category: 'B', factor: 3 });
    await rule({ action: 'boost', product_id: others[7], factor: 2 });
    const after = await recommend();
    expect(places(after).slice(0, 3)).toEqual([2, 4, 6]);
    const score = (rows: Row[], n: number): number => rows.find((row) => row.product_id === others[n])!.score;
    expect(score(after, 7)).toBeCloseTo(6 * score(before, 7), 9);
    expect(score(after, 0)).toBe(score(before, 0));
  });

  it('pin puts a product at its place, the others around it, unless it may not be shown', async () => {
    await rule({ action: 'pin', product_id: others[7], position: 2 });
    await rule({ action: 'pin', product_id: others[6], position: 1 });
    const rows = await recommend({}, 4);
    expect(places(rows)).toEqual([7, 8, 1, 2]);
    expect(rows.map((row) => row.reason_code)).toEqual([
      'pinned',
      'pinned',
      'bought_together',
      'bought_together',
    ]);
    await sql('UPDATE app_schema.products SET stock = 0 WHERE product_id = $1', [others[7]]);
    expect(places(await recommend({}, 3))).toEqual([7, 1, 2]);
    await addEvent(database.appPool, { user, product: others[6] as number, type: 'purchase' });
    expect(places(await recommend({}, 3))).not.toContain(7);
  });

  it('buy_again and buy_once decide whatever the data say', async () => {
    await rule({ action: 'buy_again', category: 'Tea', interval_days: 45 });
    expect((await recommend()).find((row) => row.product_id === tea)).toMatchObject({
      reason_code: 'buy_again',
      reason: 'time to buy it again: usually every 45 days',
    });
    expect((await recommend({ buy_again: false })).map((row) => row.product_id)).not.toContain(tea);
    await rule({ action: 'buy_once', product_id: tea });
    expect((await recommend()).map((row) => row.product_id)).not.toContain(tea);
  });

  it.each([
    [{ action: 'exclude' }, 'says_what'],
    [{ action: 'boost', category: 'A' }, 'factor'],
    [{ action: 'boost', category: 'A', factor: 0 }, 'factor'],
    [{ action: 'pin', category: 'A', position: 1 }, 'pin'],
    [{ action: 'pin', product_id: 1 }, 'position'],
    [{ action: 'buy_again', category: 'A' }, 'interval'],
    [{ action: 'buy_once', min_price: 5 }, 'repeat'],
    [{ action: 'exclude', category: 'A', factor: 2 }, 'factor'],
  ])('%j is refused', async (columns, constraint) => {
    await expect(rule(columns)).rejects.toMatchObject({ constraint: `recommendation_rules_${constraint}` });
  });

  it('a deleted product takes its rules along and is skipped where weights point to it', async () => {
    await rule({ action: 'pin', product_id: others[0], position: 1 });
    await sql('DELETE FROM app_schema.products WHERE product_id = $1', [others[0]]);
    expect(places(await recommend())).toEqual([2, 3, 4, 5, 6, 7, 8]);
    expect((await sql('SELECT FROM app_schema.recommendation_rules')).rowCount).toBe(0);
  });

  it('ml_user reads the rules, and changes none', async () => {
    expect((await database.mlPool.query('SELECT * FROM app_schema.recommendation_rules')).rows).toEqual([]);
    await expect(
      database.mlPool.query(
        "INSERT INTO app_schema.recommendation_rules (action, category) VALUES ('exclude', 'A')",
      ),
    ).rejects.toMatchObject({ code: expect.stringMatching(/25006|42501/) });
  });
});

describe('options and settings', () => {
  it('prices and stock', async () => {
    expect(places(await recommend({ min_price: 30, max_price: 50 }))).toEqual([3, 4, 5]);
    await sql('UPDATE app_schema.products SET stock = 0 WHERE product_id = $1', [others[0]]);
    expect(places(await recommend())).not.toContain(1);
    expect(places(await recommend({ in_stock: false }))).toContain(1);
    await sql('UPDATE app_schema.settings SET recommendation_in_stock = false');
    expect(places(await recommend())).toContain(1);
    expect(places(await recommend({ in_stock: true }))).not.toContain(1);
  });

  it('max_per_category caps each category, and the shop sets its default', async () => {
    expect(places(await recommend({ max_per_category: 1 }))).toEqual([1, 2]);
    expect(places(await recommend({ max_per_category: 3 }))).toEqual([1, 2, 3, 4, 5, 6]);
    await sql('UPDATE app_schema.settings SET recommendation_max_per_category = 2');
    expect(places(await recommend())).toEqual([1, 2, 3, 4]);
    expect(places(await recommend({ max_per_category: 4 }))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('a cap looks further than the hundred best where they are of one category', async () => {
    const { rows } = await database.appPool.query(
      `INSERT INTO app_schema.products (name, category)
       SELECT 'F' || n, CASE WHEN n > 150 THEN 'Rare' ELSE 'Common' END FROM generate_series(1, 160) n RETURNING product_id`,
    );
    const demand = rows.map(({ product_id }, n) => ({ product_id, popularity: 1 - n / 256 }));
    await publishVersion(database.appPool, { demand });
    const list = await recommend({ max_per_category: 2 }, 4);
    expect(list.map((row) => row.category)).toEqual(['Common', 'Common', 'Rare', 'Rare']);
  });

  it('diversity: nothing at 0, at 1 the least alike follows; the best stays first, and nothing is lost', async () => {
    await sql(
      "UPDATE app_schema.products SET category = CASE WHEN product_id <= $1 THEN 'A' ELSE 'B' END WHERE product_id > 1",
      [others[3]],
    );
    expect(places(await recommend({ diversity: 0 }))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    // Two categories of four: after the first of A the first of B; then both have one, and the score decides.
    expect(places(await recommend({ diversity: 1 }, 2))).toEqual([1, 5]);
    const mixed = places(await recommend({ diversity: 0.5 }));
    expect(mixed[0]).toBe(1);
    expect([...mixed].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(mixed.slice(0, 3).some((place) => place > 4)).toBe(true);
  });

  it('diversity also knows what customers take together', async () => {
    await sql('UPDATE app_schema.products SET category = NULL');
    const [a, b, c] = others as [number, number, number];
    await publishVersion(database.appPool, {
      demand: others.map((product_id) => ({ product_id })),
      weights: { [tea]: { [a]: 0.9, [b]: 0.8, [c]: 0.7 }, [a]: { [b]: 0.9 } },
    });
    expect(places(await recommend({ diversity: 0.6 }, 2))).toEqual([1, 3]);
    expect(places(await recommend({ diversity: 0 }, 2))).toEqual([1, 2]);
  });

  it('what one buys anyway stands first in its share of the list', async () => {
    await rule({ action: 'buy_again', category: 'Tea', interval_days: 1 });
    await sql('UPDATE app_schema.settings SET recommendation_buy_again_share = 0');
    expect((await recommend()).at(-1)).toMatchObject({ product_id: tea });
    await sql('UPDATE app_schema.settings SET recommendation_buy_again_share = NULL');
    await sql('UPDATE app_schema.recommenders SET repeat_weight = 10');
    expect((await recommend())[0]).toMatchObject({ product_id: tea });
    await sql('UPDATE app_schema.recommenders SET buy_again_share = 0');
    expect((await recommend()).at(-1)).toMatchObject({ product_id: tea });
  });

  it('what is due beyond its share comes after all else, in the order of the scores', async () => {
    await rule({ action: 'buy_again', category: 'A', interval_days: 1 });
    for (const [n, id] of others.entries()) {
      if (n % 2 === 0)
        await addEvent(database.appPool, { user, product: id, type: 'purchase', at: `2024-01-0${n + 2}Z` });
    }
    await sql('UPDATE app_schema.settings SET recommendation_buy_again_share = 0.25');
    await sql('UPDATE app_schema.recommenders SET repeat_weight = 10');
    const list = await recommend({}, 8);
    const isDue = list.map(({ reason_code }) => reason_code === 'buy_again');
    expect(isDue).toEqual([true, true, false, false, false, false, true, true]);
    // A cap that caps nothing takes the way of lists that are rearranged.
    expect(await recommend({ max_per_category: 1000 }, 8)).toEqual(list);
  });

  it('looks further where most of the best may not be recommended', async () => {
    const many: number[] = [];
    for (let n = 0; n < 90; n++)
      many.push(await addProduct(database.appPool, { name: `M${n}`, category: 'M' }));
    await publishVersion(database.appPool, {
      demand: [{ product_id: tea }],
      weights: { [tea]: Object.fromEntries(many.map((id, n) => [id, 1 - 0.01 * n])) },
    });
    await sql('UPDATE app_schema.products SET is_hidden = true WHERE product_id = ANY ($1)', [
      many.slice(3, 70),
    ]);
    const expected = [...many.slice(0, 3), ...many.slice(70, 77)];
    expect((await recommend({}, 10)).map(({ product_id }) => product_id)).toEqual(expected);
  });

  it.each([
    [{ diversity: 1.1 }, 'diversity must be a number from 0 to 1, not 1.1'],
    [{ diversity: 'x' }, 'diversity must be a number from 0 to 1, not "x"'],
    [{ max_per_category: 0 }, 'max_per_category must be a whole number from 1, not 0'],
    [{ max_per_category: 1.5 }, 'max_per_category must be a whole number from 1, not 1.5'],
    [{ min_price: -1 }, 'min_price must be a number from 0, not -1'],
    [{ in_stock: 1 }, 'in_stock must be true or false, not 1'],
    [{ category: 5 }, 'category must be a text, not 5'],
    [{ model_run_id: 12345 }, 'run 12345 has no published recommendations'],
  ])('%j is refused by name', async (options, message) => {
    await expect(recommend(options)).rejects.toMatchObject({
      code: 'CA002',
      message,
      hint: expect.any(String),
    });
  });

  it('null is not given', async () => {
    const none = { diversity: null, max_per_category: null, category: null, in_stock: null, language: null };
    expect(await recommend(none)).toEqual(await recommend());
  });

  it('bears a limit beyond everything', async () => {
    expect(places(await recommend({}, 2_147_483_647))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(places(await recommend({ diversity: 0.3, max_per_category: 8 }, 2_147_483_647))).toHaveLength(8);
  });
});
