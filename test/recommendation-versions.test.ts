import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { promoteModel } from '../src/analytics/models.ts';
import { recommendationRates, startExperiment, stopExperiment } from '../src/recommendations/control.ts';
import { getList, getRecommendations, type ListRequest } from '../src/recommendations/serve.ts';
import { notWorseBy, publishVersion, type Version } from './support/recommender.ts';
import { addEvent, addProduct, addUser } from './support/rows.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

let db: TestDatabase;
let users: number[];
let tea: number;
let cup: number;
let lamp: number;

beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

beforeEach(async () => {
  await db.clear();
  await db.adminPool.query('DELETE FROM app_schema.model_runs');
  await db.adminPool.query(
    'INSERT INTO app_schema.users (first_name) SELECT $1 FROM generate_series(1, 400)',
    ['Ann'],
  );
  users = (await db.adminPool.query('SELECT user_id FROM app_schema.users ORDER BY 1')).rows.map(
    (row) => row.user_id,
  );
  tea = await addProduct(db.appPool, { name: 'Tea' });
  cup = await addProduct(db.appPool, { name: 'Cup' });
  lamp = await addProduct(db.appPool, { name: 'Lamp' });
  await db.adminPool.query(
    `INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp)
     SELECT user_id, $1, 'view', '2024-01-01Z' FROM app_schema.users`,
    [tea],
  );
});

/** A version in which tea leads to one product alone. */
const leadingTo = (product: number, more: Partial<Version> = {}): Version => ({
  demand: [tea, cup, lamp].map((product_id) => ({ product_id, popularity: 0.1 })),
  weights: { [tea]: { [product]: 0.9 } },
  ...more,
});
const first = async (user = users[0] as number, options = {}): Promise<number | undefined> =>
  (await getRecommendations(db.appPool, user, 1, options))[0]?.product_id;

describe('versions', () => {
  it('the newest is served; promoting the run before takes it back, and the newest forward again', async () => {
    const one = await publishVersion(db.appPool, leadingTo(cup));
    expect(await first()).toBe(cup);
    const two = await publishVersion(db.appPool, leadingTo(lamp));
    expect(await first()).toBe(lamp);
    expect(await promoteModel(db.appPool, one.modelRunId)).toBe('recommendations');
    expect(await first()).toBe(cup);
    await promoteModel(db.appPool, two.modelRunId);
    expect(await first()).toBe(lamp);
  });

  it('a worse one is kept beside the champion, can be asked by its run, and be promoted by a person', async () => {
    const rule = notWorseBy('ndcg', 0.01);
    const champion = await publishVersion(db.appPool, leadingTo(cup, { metrics: { ndcg: 0.4 } }), rule);
    const worse = await publishVersion(db.appPool, leadingTo(lamp, { metrics: { ndcg: 0.35 } }), rule);
    const unmeasured = await publishVersion(db.appPool, leadingTo(lamp), rule);
    expect([champion, worse, unmeasured].map(({ contest }) => contest.promoted)).toEqual([
      true,
      false,
      false,
    ]);
    expect(worse.contest).toMatchObject({ against: champion.modelRunId, challenger: 0.35, champion: 0.4 });
    expect(await first()).toBe(cup);
    expect(await first(users[0], { model_run_id: worse.modelRunId })).toBe(lamp);
    const equal = await publishVersion(db.appPool, leadingTo(lamp, { metrics: { ndcg: 0.395 } }), rule);
    expect(equal.contest.promoted).toBe(true);
    expect(await first()).toBe(lamp);
  });

  it('one that fails halfway leaves no trace', async () => {
    await publishVersion(db.appPool, leadingTo(cup));
    const broken = leadingTo(lamp, { weights: { [tea]: { [lamp]: Number.NaN } } });
    await expect(publishVersion(db.appPool, broken)).rejects.toMatchObject({ code: 'MODEL_BAD_INPUT' });
    const duplicate = leadingTo(lamp);
    duplicate.demand.push({ product_id: tea });
    await expect(publishVersion(db.appPool, duplicate)).rejects.toMatchObject({ code: 'DATABASE_REFUSED' });
    expect(await first()).toBe(cup);
    expect((await db.appPool.query('SELECT FROM app_schema.model_runs')).rowCount).toBe(1);
  });

  it('one that was overtaken while it was judged steps back', async () => {
    await publishVersion(db.appPool, leadingTo(cup));
    const slow = await publishVersion(db.appPool, leadingTo(cup), async () => {
      await publishVersion(db.appPool, leadingTo(lamp));
      return { promoted: true, against: null };
    });
    expect(slow.contest).toMatchObject({ promoted: false, overtaken: true });
    expect(await first()).toBe(lamp);
  });

  it('what trained on nothing does not replace what serves', async () => {
    await publishVersion(db.appPool, leadingTo(cup));
    expect((await publishVersion(db.appPool, { demand: [] })).contest.promoted).toBe(false);
    expect(await first()).toBe(cup);
  });

  it('the last few are kept, the champion and the one before it always, and what is gone says so', async () => {
    const runs: number[] = [];
    for (const [i, product] of [cup, lamp, cup].entries())
      runs.push(
        (await publishVersion(db.appPool, leadingTo(product, { asOf: `2024-01-0${i + 1}Z` }))).modelRunId,
      );
    const lost = notWorseBy('ndcg', 0);
    for (let i = 0; i < 4; i++)
      runs.push((await publishVersion(db.appPool, leadingTo(lamp), lost)).modelRunId);
    const { rows } = await db.appPool.query('SELECT model_run_id FROM app_schema.recommenders ORDER BY 1');
    expect(rows.map((row) => row.model_run_id)).toEqual([runs[1], runs[2], ...runs.slice(-3)]);
    await expect(promoteModel(db.appPool, runs[0] as number)).rejects.toMatchObject({
      code: 'VALIDATION',
      message: expect.stringContaining('were deleted'),
    });
    for (const table of ['product_neighbours', 'product_popularity', 'popular_products'])
      expect(
        (await db.appPool.query(`SELECT FROM app_schema.${table} WHERE model_run_id = $1`, [runs[0]]))
          .rowCount,
      ).toBe(0);
  });

  it('readers meanwhile see one version, whole', async () => {
    await publishVersion(db.appPool, leadingTo(cup));
    let publishing = true;
    const seen = new Set<string>();
    const readers = Array.from({ length: 3 }, async () => {
      while (publishing) {
        const items = await getRecommendations(db.appPool, users[0] as number, 3);
        expect(new Set(items.map((item) => item.model_run_id)).size).toBe(1);
        expect(items).toHaveLength(3);
        seen.add(String(items[0]!.product_id));
      }
    });
    for (let i = 0; i < 8; i++) await publishVersion(db.appPool, leadingTo(i % 2 ? cup : lamp));
    publishing = false;
    await Promise.all(readers);
    expect([...seen].every((id) => [String(cup), String(lamp)].includes(id))).toBe(true);
  });

  it('weights below 0 and of a product with itself count as they are', async () => {
    await publishVersion(db.appPool, {
      ...leadingTo(cup),
      weights: { [tea]: { [tea]: 0.5, [cup]: 0.2, [lamp]: -0.3 } },
    });
    const items = await getRecommendations(db.appPool, users[0] as number, 3);
    expect(items.map((item) => [item.product_id, item.reason_code])).toEqual([
      [tea, 'viewed_again'],
      [cup, 'viewed_together'],
      [lamp, 'popular'],
    ]);
    expect(items[2]!.score).toBeCloseTo(-0.3 + 0.001, 6);
  });

  it('content counts the less the more is known of a pair', async () => {
    const known = async (interactions: number) => {
      await publishVersion(db.appPool, {
        ...leadingTo(cup),
        weights: { [tea]: { [cup]: 0.3 } },
        content: {
          similarities: { [tea]: { [lamp]: 0.8 } },
          interactions: { [tea]: 1000, [lamp]: interactions },
        },
      });
      return getRecommendations(db.appPool, users[0] as number, 2);
    };
    const fresh = await known(0);
    expect(fresh[0]).toMatchObject({ product_id: lamp, reason_code: 'similar', reason: 'similar to Tea' });
    expect(fresh[0]!.reason_weight).toBeCloseTo(0.8, 6);
    const grown = await known(90);
    expect(grown.map((item) => item.product_id)).toEqual([cup, lamp]);
    expect(grown[1]!.reason_weight).toBeCloseTo(0.08, 6);
    const { items } = await getList(db.appPool, { kind: 'similar', productId: tea, limit: 1 });
    expect(items[0]).toMatchObject({ product_id: lamp, score: expect.closeTo(0.801, 5) });
  });
});

describe('an experiment', () => {
  it('splits by a stable hash, a larger share only adds, and ends where it began', async () => {
    const control = (await publishVersion(db.appPool, leadingTo(cup))).modelRunId;
    const treatment = (await publishVersion(db.appPool, leadingTo(lamp), notWorseBy('ndcg', 0))).modelRunId;
    const start = (name: string, share: number) =>
      startExperiment(db.appPool, { name, controlRun: control, treatmentRun: treatment, share });
    const treated = async (): Promise<Set<number>> => {
      const { rows } = await db.appPool.query(
        `SELECT user_id FROM app_schema.users u CROSS JOIN LATERAL app_schema.get_recommendations(u.user_id, 1) r WHERE r.product_id = $1`,
        [lamp],
      );
      return new Set(rows.map((row) => row.user_id));
    };
    await start('a', 0.5);
    const half = await treated();
    // 400 customers, binomial: 200 with a standard deviation of 10.
    expect(half.size).toBeGreaterThan(150);
    expect(half.size).toBeLessThan(250);
    expect(await treated()).toEqual(half);
    await expect(start('b', 0.5)).rejects.toMatchObject({ code: 'VALIDATION' });
    await db.appPool.query('UPDATE app_schema.recommendation_experiments SET share = 0.8');
    const more = await treated();
    expect(more.size).toBeGreaterThan(half.size);
    for (const user of half) expect(more.has(user)).toBe(true);
    for (let i = 0; i < 5; i++) await publishVersion(db.appPool, leadingTo(cup));
    expect(await treated()).toEqual(more);
    expect(await stopExperiment(db.appPool)).toBe('a');
    expect((await treated()).size).toBe(0);
    expect(await stopExperiment(db.appPool)).toBeNull();
    const { rows } = await db.appPool.query(
      "SELECT app_schema.get_experiment_arm(1, 'a', 0.5) AS arm, app_schema.get_experiment_arm(2, 'a', 0.5) AS other",
    );
    // md5 of 'a:1' begins with 9e, of 'a:2' with 60, and half is 80: what the arm rests on never changes.
    expect(rows[0]).toEqual({ arm: 'control', other: 'treatment' });
  });

  it.each([
    ['x', 1, 0.5],
    ['', 0, 0.5],
    ['x', 0, 1.5],
  ])('%j with run +%i and share %d is refused', async (name, offset, share) => {
    const controlRun = (await publishVersion(db.appPool, leadingTo(cup))).modelRunId;
    const treatmentRun = (await publishVersion(db.appPool, leadingTo(lamp))).modelRunId + offset;
    await expect(
      startExperiment(db.appPool, { name, controlRun, treatmentRun, share }),
    ).rejects.toMatchObject({
      code: 'VALIDATION',
    });
  });
});

describe('attribution', () => {
  const today = { start_date: '2000-01-01', end_date: '2100-01-01' };

  it('counts what came back, once for each product of a list, by reason and by version', async () => {
    const { modelRunId } = await publishVersion(db.appPool, leadingTo(cup));
    const [user, other] = users as [number, number];
    const ask = () => getList(db.appPool, { kind: 'user', userId: user, limit: 3 }, { track: true });
    const lists = [await ask(), await ask()];
    const id = lists[0]!.recommendation_id as string;
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    const happens = (type: string, product: number, who = user, recommendation: unknown = id) =>
      addEvent(db.appPool, { user: who, product, type, properties: { recommendation_id: recommendation } });
    await happens('view', cup);
    await happens('view', cup);
    await happens('purchase', cup);
    await happens('view', lamp);
    await happens('purchase', lamp, other);
    await happens('purchase', lamp, user, 'no such id');
    await happens('purchase', lamp, user, { odd: true });
    expect(await recommendationRates(db.appPool, today, 'model')).toEqual([
      {
        model_run_id: modelRunId,
        kind: null,
        reason_code: null,
        lists: 2,
        shown: 6,
        clicks: 2,
        click_rate: 2 / 6,
        purchases: 1,
        purchase_rate: 1 / 6,
      },
    ]);
    const byReason = await recommendationRates(db.appPool, today, 'reason');
    expect(byReason.map((row) => [row.reason_code, row.shown, row.clicks, row.purchases])).toEqual([
      ['popular', 4, 1, 0],
      ['viewed_together', 2, 1, 1],
    ]);
    expect(await recommendationRates(db.appPool, today, 'kind')).toMatchObject([{ kind: 'user', lists: 2 }]);
    expect(
      await recommendationRates(db.appPool, { start_date: '2000-01-01', end_date: '2000-01-02' }, 'kind'),
    ).toEqual([]);
    await expect(recommendationRates(db.appPool, today, 'colour')).rejects.toMatchObject({
      code: 'VALIDATION',
    });
  });

  it("of a visitor's list counts whoever comes back, and reading without track writes nothing", async () => {
    await publishVersion(db.appPool, leadingTo(cup));
    const request: ListRequest = { kind: 'session', productIds: [tea], limit: 2 };
    expect(await getList(db.appPool, request)).not.toHaveProperty('recommendation_id');
    expect((await db.appPool.query('SELECT FROM app_schema.recommendation_lists')).rowCount).toBe(0);
    const { recommendation_id } = await getList(db.appPool, request, { track: true });
    await addEvent(db.appPool, {
      user: users[3] as number,
      product: cup,
      type: 'purchase',
      properties: { recommendation_id },
    });
    expect(await recommendationRates(db.appPool, today, 'kind')).toMatchObject([
      { kind: 'session', shown: 2, clicks: 1, purchases: 1 },
    ]);
    expect(await getList(db.appPool, { kind: 'user', userId: 999_999, limit: 2 }, { track: true })).toEqual({
      items: [],
    });
  });

  it('lists are inserted and pruned, never changed, go with their customer, and ml_user writes none', async () => {
    await publishVersion(db.appPool, leadingTo(cup));
    const user = await addUser(db.appPool);
    await getList(db.appPool, { kind: 'user', userId: user, limit: 2 }, { track: true });
    await getList(db.appPool, { kind: 'popular', limit: 2 }, { track: true });
    await expect(
      db.appPool.query('UPDATE app_schema.recommendation_lists SET user_id = NULL'),
    ).rejects.toMatchObject({
      code: 'CA002',
    });
    await expect(
      db.mlPool.query("SELECT app_schema.record_recommendations('popular', NULL, 1, '{1}', '{popular}')"),
    ).rejects.toMatchObject({ code: expect.stringMatching(/25006|42501/) });
    await db.appPool.query('DELETE FROM app_schema.users WHERE user_id = $1', [user]);
    expect((await db.appPool.query('SELECT kind FROM app_schema.recommendation_lists')).rows).toEqual([
      { kind: 'popular' },
    ]);
    const prune = "SELECT app_schema.prune_recommendation_lists(now() + interval '1 day') AS deleted";
    expect((await db.appPool.query(prune)).rows).toEqual([{ deleted: 1 }]);
  });
});
