import { afterAll, beforeAll, expect, it } from 'vitest';
import { addUser } from '../support/rows.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
const ids: number[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  const { appPool } = database;
  for (const name of ['Ann', 'Боб', 'Cleo', 'Dan']) ids.push(await addUser(appPool, name));
  await appPool.query(
    `INSERT INTO app_schema.segments VALUES (1, 'champions', 'Champions', 'Чемпионы', 'Best', 'Лучшие'),
       (2, 'lost', 'Lost', 'Потерянные', 'Gone', 'Ушли'), (3, 'new', 'New', 'Новые', 'Came', 'Пришли')`,
  );
  await appPool.query(
    `INSERT INTO app_schema.user_metrics (user_id, segment_id, ltv, churn_probability, purchase_probability_30d, last_updated)
     VALUES ($1, 1, 100.5, 0.25, 0.5, '2024-02-01Z'), ($2, 2, 10.5, 0.75, 0.125, '2024-02-01Z'),
       ($3, 1, NULL, NULL, NULL, '2024-02-01Z')`,
    ids.slice(0, 3),
  );
  const run = await appPool.query(
    `INSERT INTO app_schema.model_runs (kind, as_of, code_version, parameters, evaluation, finished_at)
     VALUES ('scoring', '2024-01-01Z', '1', '{}', '{}', '2024-01-02Z'), ('recommendations', '2024-01-15Z', '1', '{}', '{}', '2024-01-16Z'),
       ('scoring', '2024-02-01Z', '1', '{"a": 1}', '{"auc": 0.8}', '2024-02-02Z') RETURNING model_run_id`,
  );
  await appPool.query(
    `INSERT INTO app_schema.user_score_details VALUES ($1, $2, 'ok', 'ok', 'ok', '{"orders": 7}'),
       ($3, $2, 'insufficient_data', 'insufficient_data', 'ok', '{}')`,
    [ids[0], run.rows[2].model_run_id, ids[2]],
  );
});
afterAll(() => database.drop());

const page = async (...values: unknown[]) =>
  (await database.mlPool.query('SELECT * FROM app_schema.list_users($1, $2, $3)', values)).rows;

it('lists everybody by user_id, scored or not', async () => {
  const rows = await page(50, 0, null);
  expect(rows.map((row) => row.user_id)).toEqual(ids);
  expect(rows[0]).toEqual({
    user_id: ids[0],
    telegram_id: expect.any(Number),
    username: null,
    first_name: 'Ann',
    last_name: null,
    segment_code: 'champions',
    segment_name_en: 'Champions',
    segment_name_ru: 'Чемпионы',
    ltv: 100.5,
    churn_probability: 0.25,
    purchase_probability_30d: 0.5,
    last_updated: new Date('2024-02-01T00:00:00Z'),
  });
  expect(rows[3]).toMatchObject({ first_name: 'Dan', segment_code: null, ltv: null, last_updated: null });
});

it('pages without gap or overlap by the last id of the page before', async () => {
  const first = await page(3, 0, null);
  const second = await page(3, first[2].user_id, null);
  expect([...first, ...second].map((row) => row.user_id)).toEqual(ids);
  expect(await page(3, second[0].user_id, null)).toEqual([]);
  expect(await page(3, null, null)).toEqual(first);
});

it('takes defaults', async () => {
  const { rows } = await database.mlPool.query('SELECT * FROM app_schema.list_users()');
  expect(rows).toEqual(await page(50, 0, null));
});

it('keeps to a segment', async () => {
  expect((await page(50, 0, 'champions')).map((row) => row.user_id)).toEqual([ids[0], ids[2]]);
  expect((await page(50, ids[0], 'champions')).map((row) => row.user_id)).toEqual([ids[2]]);
  expect(await page(50, 0, 'new')).toEqual([]);
});

it('refuses an unknown segment and a negative limit', async () => {
  await expect(page(50, 0, 'whales')).rejects.toMatchObject({
    code: 'CA002',
    message: 'there is no segment "whales"',
  });
  await expect(page(-1, 0, null)).rejects.toMatchObject({ code: 'CA002' });
  expect(await page(0, 0, null)).toEqual([]);
});

it('list_segments gives each segment its size, share and means, also an empty one', async () => {
  const { rows } = await database.mlPool.query('SELECT * FROM app_schema.list_segments()');
  expect(rows).toEqual([
    {
      segment_id: 1,
      code: 'champions',
      name_en: 'Champions',
      name_ru: 'Чемпионы',
      description_en: 'Best',
      description_ru: 'Лучшие',
      customers: 2,
      share: 0.6667,
      mean_ltv: 100.5,
      mean_churn_probability: 0.25,
      mean_purchase_probability_30d: 0.5,
    },
    expect.objectContaining({ code: 'lost', customers: 1, share: 0.3333, mean_ltv: 10.5 }),
    expect.objectContaining({ code: 'new', customers: 0, share: 0, mean_ltv: null }),
  ]);
});

it('list_segments has no row before the first scoring, and no share where nobody is scored', async () => {
  const client = await database.appPool.connect();
  try {
    await client.query('BEGIN; DELETE FROM app_schema.user_metrics');
    const unscored = await client.query('SELECT share FROM app_schema.list_segments()');
    expect(unscored.rows).toEqual([{ share: null }, { share: null }, { share: null }]);
    await client.query('DELETE FROM app_schema.segments');
    expect((await client.query('SELECT * FROM app_schema.list_segments()')).rows).toEqual([]);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
});

const getUser = async (id: number | null) =>
  (await database.mlPool.query('SELECT * FROM app_schema.get_user($1)', [id])).rows;

it('get_user gives scores with their status, the run and the numbers behind them', async () => {
  expect(await getUser(ids[0] as number)).toMatchObject([
    {
      user_id: ids[0],
      first_name: 'Ann',
      profile_data: {},
      segment_code: 'champions',
      ltv: 100.5,
      ltv_status: 'ok',
      churn_status: 'ok',
      purchase_status: 'ok',
      explanation: { orders: 7 },
      as_of: new Date('2024-02-01T00:00:00Z'),
    },
  ]);
  expect(await getUser(ids[2] as number)).toMatchObject([
    { ltv: null, ltv_status: 'insufficient_data', churn_probability: null, purchase_status: 'ok' },
  ]);
});

it('get_user says not_scored of who has no score, and nothing of an unknown user', async () => {
  expect(await getUser(ids[3] as number)).toMatchObject([
    {
      segment_code: null,
      ltv: null,
      ltv_status: 'not_scored',
      churn_status: 'not_scored',
      purchase_status: 'not_scored',
    },
  ]);
  expect(await getUser(999)).toEqual([]);
  expect(await getUser(null)).toEqual([]);
});

it('get_latest_run gives the newest run of its kind', async () => {
  const latest = async (kind: string) =>
    (await database.mlPool.query('SELECT * FROM app_schema.get_latest_run($1)', [kind])).rows;
  expect(await latest('scoring')).toMatchObject([
    { as_of: new Date('2024-02-01T00:00:00Z'), parameters: { a: 1 }, evaluation: { auc: 0.8 } },
  ]);
  expect(await latest('recommendations')).toMatchObject([{ as_of: new Date('2024-01-15T00:00:00Z') }]);
  expect(await latest('horoscope')).toEqual([]);
});
