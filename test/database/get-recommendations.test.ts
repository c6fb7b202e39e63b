import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { publishVersion, type Version } from '../support/recommender.ts';
import { addEvent, addProduct, addUser, queryFrom, setTimeZone } from '../support/rows.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

interface Row {
  rank: number;
  product_id: number;
  name: string;
  score: number;
  reason_code: string;
  reason: string;
  reason_product_id: number | null;
  reason_weight: number | null;
  model_run_id: number;
}

let database: TestDatabase;
let user: number;
let tea: number;
let cup: number;
let lamp: number;
let book: number;
let version: Version;
let run: number;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** Tea goes with the cup and, less, with the lamp; the book is what most people want; tea is bought every 30 days. */
beforeEach(async () => {
  await database.clear();
  const { appPool } = database;
  await setTimeZone(appPool, 'UTC');
  user = await addUser(appPool);
  tea = await addProduct(appPool, { name: 'Чай', category: 'Food', price: 3.5 });
  cup = await addProduct(appPool, { name: 'Cup', category: 'Kitchen', stock: 5 });
  lamp = await addProduct(appPool, { name: 'Lamp', category: 'Home' });
  book = await addProduct(appPool, { name: 'Book', category: 'Books' });
  version = {
    demand: [
      {
        product_id: tea,
        category: 'Food',
        popularity: 0.5,
        is_bought_repeatedly: true,
        repeat_interval_days: 30,
      },
      { product_id: cup, category: 'Kitchen', popularity: 0.25 },
      { product_id: lamp, category: 'Home', popularity: 0.125 },
      { product_id: book, category: 'Books', popularity: 1 },
    ],
    weights: { [tea]: { [cup]: 0.75, [lamp]: 0.25 }, [cup]: { [tea]: 0.75 } },
  };
  run = (await publishVersion(appPool, version)).modelRunId;
});

async function recommend(options: unknown = {}, limit: number | null = 10, userId = user): Promise<Row[]> {
  const sql = 'SELECT * FROM app_schema.get_recommendations($1, $2, $3)';
  return (await database.mlPool.query<Row>(sql, [userId, limit, JSON.stringify(options)])).rows;
}

const idsOf = (rows: Row[]): number[] => rows.map((row) => row.product_id);
const act = (type: string, product: number, at?: string): Promise<number> =>
  addEvent(database.appPool, { user, product, type, ...(at ? { at } : {}) });
const daysAgo = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString();

it('gives a newcomer what is popular, in order, with a reason', async () => {
  const rows = await recommend();
  expect(idsOf(rows)).toEqual([book, tea, cup, lamp]);
  expect(rows.map((row) => row.rank)).toEqual([1, 2, 3, 4]);
  for (const row of rows) {
    expect(row).toMatchObject({
      reason_code: 'popular',
      reason: 'popular with our customers',
      reason_product_id: null,
    });
    expect(row.score).toBeGreaterThan(0);
  }
});

it.each([8, 25])('fills the list of a newcomer where the %i most wanted are sold out', async (soldOut) => {
  const { rows } = await database.appPool.query<{ product_id: number }>(
    `INSERT INTO app_schema.products (name, stock)
     SELECT 'P' || n, CASE WHEN n > $1 THEN 1 ELSE 0 END FROM generate_series(1, 60) n RETURNING product_id`,
    [soldOut],
  );
  const ids = rows.map((row) => row.product_id);
  const demand = ids.map((product_id, n) => ({ product_id, popularity: 1 - n / 64 }));
  await publishVersion(database.appPool, { demand });
  expect(idsOf(await recommend())).toEqual(ids.slice(soldOut, soldOut + 10));
});

it('puts what goes with the own purchases first, with the purchase as its reason', async () => {
  await act('purchase', tea, daysAgo(1));
  const rows = await recommend();
  expect(idsOf(rows)).toEqual([cup, lamp, book]);
  expect(rows[0]).toEqual({
    rank: 1,
    product_id: cup,
    name: 'Cup',
    category: 'Kitchen',
    price: null,
    score: expect.closeTo(0.7525, 10), // similarity .75 + .01 x popularity .25
    reason_code: 'bought_together',
    reason: 'because you bought Чай',
    reason_product_id: tea,
    reason_weight: 0.75,
    model_run_id: run,
  });
});

it('says so where a look was the reason', async () => {
  await act('view', tea, daysAgo(1));
  expect((await recommend())[0]).toMatchObject({
    product_id: cup,
    reason_code: 'viewed_together',
    reason: 'because you looked at Чай',
  });
});

it('bears a purchase that is dated far ahead, however fast its version forgets', async () => {
  await publishVersion(database.appPool, {
    ...version,
    reading: { repeatPower: 1.5, repeatHalfLifeDays: 1, habitPurchases: 2 },
  });
  await act('purchase', tea, '2099-01-01T00:00:00Z');
  await act('purchase', tea, '1970-01-01T00:00:00Z');
  expect(idsOf(await recommend())).toEqual([cup, lamp, book]);
});

it('offers again what one customer keeps buying, unless the shop or the caller says no', async () => {
  await publishVersion(database.appPool, { ...version, reading: { habitPurchases: 2, repeatPower: 1 } });
  await act('purchase', book, daysAgo(60));
  expect(idsOf(await recommend())).not.toContain(book);
  await act('purchase', book, daysAgo(30));
  expect((await recommend())[0]).toMatchObject({
    product_id: book,
    reason: 'time to buy it again: usually every 30 days',
  });
  expect(idsOf(await recommend({ buy_again: false }))).not.toContain(book);
  await act('purchase', book);
  expect(idsOf(await recommend())).not.toContain(book);
});

it('takes a purchase that is committed now out of the very next answer', async () => {
  expect(idsOf(await recommend())).toContain(book);
  await act('purchase', book);
  expect(idsOf(await recommend())).not.toContain(book);
});

it('also where the clock that stamped the purchase runs ahead', async () => {
  await act('purchase', book, daysAgo(-0.1));
  expect(idsOf(await recommend())).not.toContain(book);
});

it('does not take out what somebody else bought, nor what was only looked at', async () => {
  const other = await addUser(database.appPool);
  await addEvent(database.appPool, { user: other, product: book, type: 'purchase' });
  await act('view', book);
  await act('add_to_cart', book);
  expect(idsOf(await recommend())).toContain(book);
});

it('recommends a purchase again only where people buy it repeatedly and half of the usual interval has gone by', async () => {
  await act('purchase', tea, daysAgo(14));
  await act('purchase', cup, daysAgo(14));
  expect(idsOf(await recommend())).not.toContain(tea);
  await database.appPool.query("UPDATE app_schema.events SET event_timestamp = now() - interval '16 days'");
  const rows = await recommend();
  expect(rows[0]).toMatchObject({
    product_id: tea,
    reason_code: 'buy_again',
    reason: 'time to buy it again: usually every 30 days',
    reason_product_id: null,
  });
  expect(idsOf(rows)).not.toContain(cup);
});

it('counts the interval from the latest of the purchases', async () => {
  await act('purchase', tea, daysAgo(100));
  await act('purchase', tea, daysAgo(2));
  expect(idsOf(await recommend())).not.toContain(tea);
});

it('never recommends postage, the hidden or the sold out, and what nobody counts is in stock', async () => {
  const { appPool } = database;
  await act('purchase', tea, daysAgo(1));
  await appPool.query('UPDATE app_schema.products SET is_merchandise = false WHERE product_id = $1', [book]);
  await appPool.query('UPDATE app_schema.products SET is_hidden = true WHERE product_id = $1', [lamp]);
  await appPool.query('UPDATE app_schema.products SET stock = 0 WHERE product_id = $1', [cup]);
  expect(await recommend()).toEqual([]);
  await appPool.query('UPDATE app_schema.products SET stock = 1 WHERE product_id = $1', [cup]);
  expect(idsOf(await recommend())).toEqual([cup]);
});

it('has a list for as many as are asked for: neighbours first, filled up with the popular', async () => {
  await act('purchase', cup, daysAgo(1));
  expect(idsOf(await recommend({}, 1))).toEqual([tea]);
  expect(idsOf(await recommend({}, 2))).toEqual([tea, book]);
  expect(await recommend({}, 0)).toEqual([]);
  const { rows } = await database.mlPool.query('SELECT * FROM app_schema.get_recommendations($1)', [user]);
  expect(rows).toEqual(await recommend());
});

it('lets the popularity break ties of the similarity, then the product_id', async () => {
  await publishVersion(database.appPool, { ...version, weights: { [book]: { [lamp]: 0.5, [cup]: 0.5 } } });
  await act('purchase', book, daysAgo(1));
  expect(idsOf(await recommend({}, 2))).toEqual([cup, lamp]);
  await database.appPool.query('UPDATE app_schema.product_popularity SET popularity = 0.5');
  expect(idsOf(await recommend({}, 2))).toEqual([cup, lamp]);
});

it('stays the same from day to day while nothing happens', async () => {
  await act('view', cup, '2024-01-01T00:00:00Z');
  await act('purchase', book, '2024-01-05T00:00:00Z');
  const february = await recommend({ as_of: '2024-02-01' });
  expect(await recommend({ as_of: '2024-08-01' })).toEqual(february);
  expect(february.length).toBeGreaterThan(0);
});

it('has nothing to say before the first publication, and to an unknown user', async () => {
  expect(await recommend({}, 10, 999)).toEqual([]);
  await database.appPool.query('DELETE FROM app_schema.recommenders');
  await act('purchase', tea, daysAgo(1));
  expect(await recommend()).toEqual([]);
});

describe('options', () => {
  it('language: reasons in Russian', async () => {
    await act('view', cup, daysAgo(40));
    await act('purchase', tea, daysAgo(40));
    expect((await recommend({ language: 'ru' })).map((row) => row.reason)).toEqual([
      'пора купить снова: обычно раз в 30 дн.',
      'потому что вы купили: Чай',
      'потому что вы купили: Чай',
      'популярно у наших покупателей',
    ]);
    await expect(recommend({ language: 'de' })).rejects.toMatchObject({ code: 'CA002' });
  });

  it('category keeps to one', async () => {
    expect(idsOf(await recommend({ category: 'Books' }))).toEqual([book]);
    expect(await recommend({ category: 'Cars' })).toEqual([]);
  });

  it('exclude_product_ids leaves out, whatever numbers stand there', async () => {
    expect(idsOf(await recommend({ exclude_product_ids: [book, tea, 10 ** 12, 1.5, -1] }))).toEqual([
      cup,
      lamp,
    ]);
    expect(await recommend({ exclude_product_ids: [] })).toEqual(await recommend());
    expect(await recommend({ exclude_product_ids: null })).toEqual(await recommend());
  });

  it.each([[['x']], [[null]], [[[1]]], [5], ['1,2'], [{ a: 1 }]])(
    'refuses exclude_product_ids = %j',
    async (excluded) => {
      await expect(recommend({ exclude_product_ids: excluded })).rejects.toMatchObject({ code: 'CA002' });
    },
  );

  it('as_of sees what had happened by then, to the end of a bare day', async () => {
    await act('purchase', book, '2024-01-10T10:00:00Z');
    expect(idsOf(await recommend({ as_of: '2024-01-09' }))).toContain(book);
    expect(idsOf(await recommend({ as_of: '2024-01-10' }))).not.toContain(book);
    expect(idsOf(await recommend({ as_of: '2024-01-10T10:00:00Z' }))).toContain(book);
    expect(idsOf(await recommend({ as_of: '2024-01-10T10:00:01Z' }))).not.toContain(book);
  });

  it('as_of decides whether a repeated purchase is due', async () => {
    await act('purchase', tea, '2024-01-10T10:00:00Z');
    expect(idsOf(await recommend({ as_of: '2024-01-24' }))).not.toContain(tea);
    expect(idsOf(await recommend({ as_of: '2024-01-25' }))).toContain(tea);
  });

  it("as_of without an offset is of the shop's time zone, wherever the session is", async () => {
    await setTimeZone(database.appPool, 'Europe/Moscow');
    await act('purchase', book, '2024-01-10T20:59:00Z'); // 23:59 in Moscow
    const sql =
      "SELECT product_id FROM app_schema.get_recommendations($1, 10, jsonb_build_object('as_of', $2::text))";
    for (const session of ['UTC', 'America/New_York', 'Asia/Tokyo']) {
      const [same, before] = [
        await queryFrom<Row>(database.mlPool, session, sql, [user, '2024-01-10']),
        await queryFrom<Row>(database.mlPool, session, sql, [user, '2024-01-10 23:58']),
      ];
      expect([idsOf(same).includes(book), idsOf(before).includes(book)]).toEqual([false, true]);
    }
  });

  it('refuses what it does not know, all of it by name', async () => {
    await expect(recommend({ languages: 'ru', limit: 3 })).rejects.toMatchObject({
      code: 'CA002',
      message: 'unknown option: languages, limit',
    });
    await expect(recommend([])).rejects.toMatchObject({ code: 'CA002' });
    await expect(recommend('ru')).rejects.toMatchObject({ code: 'CA002' });
    await expect(recommend({ as_of: 'tomorrow' })).rejects.toMatchObject({ code: 'CA002' });
    await expect(recommend({}, -1)).rejects.toMatchObject({ code: 'CA002' });
    await expect(recommend({}, null)).rejects.toMatchObject({ code: 'CA002' });
  });

  it('takes NULL for no options', async () => {
    const { rows } = await database.mlPool.query(
      'SELECT * FROM app_schema.get_recommendations($1, 10, NULL)',
      [user],
    );
    expect(rows).toEqual(await recommend());
  });
});
