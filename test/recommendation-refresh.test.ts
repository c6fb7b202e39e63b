import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { promoteModel } from '../src/analytics/models.ts';
import { plainLinearAlgebra } from '../src/models/linear-algebra/plain.ts';
import { refreshRecommendations } from '../src/recommendations/refresh.ts';
import { getList, getRecommendations } from '../src/recommendations/serve.ts';
import { trainRecommendations } from '../src/recommendations/train.ts';
import { runCli } from './support/cli.ts';
import { publishVersion } from './support/recommender.ts';
import { addEvent, addProduct } from './support/rows.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

const TRAINED = '2024-06-01T00:00:00Z';
const products: Record<string, number> = {};

/** 40 customers: each of the first 20 buys a teapot and a cup, each of the others a lamp and a bulb. */
beforeEach(async () => {
  await db.clear();
  await db.adminPool.query('DELETE FROM app_schema.model_runs');
  await db.adminPool.query('INSERT INTO app_schema.users (user_id) SELECT generate_series(1, 40)');
  for (const name of ['Green teapot', 'White cup', 'Brass lamp', 'Light bulb'])
    products[name] = await addProduct(db.appPool, { name });
  await db.adminPool.query(
    `INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp)
     SELECT u, p, 'purchase', '2024-05-01Z'::timestamptz + u * interval '1 hour'
     FROM generate_series(1, 40) u
     CROSS JOIN LATERAL unnest(CASE WHEN u <= 20 THEN $1::integer[] ELSE $2::integer[] END) p`,
    [
      [products['Green teapot'], products['White cup']],
      [products['Brass lamp'], products['Light bulb']],
    ],
  );
});

const options = (asOf: string) => ({
  asOf: new Date(asOf),
  codeVersion: 'test',
  algebra: plainLinearAlgebra,
});
const train = (asOf = TRAINED) => trainRecommendations(db.mlPool, db.appPool, options(asOf));
const refresh = (asOf: string, onStep?: (step: string) => void) =>
  refreshRecommendations(db.mlPool, db.appPool, {
    ...options(asOf),
    now: new Date('2024-06-01T12:00:00Z'),
    ...(onStep && { onStep }),
  });
const served = async (): Promise<number> =>
  (await db.appPool.query('SELECT app_schema.get_recommender_of() AS run')).rows[0].run;
const versions = async (): Promise<number[]> =>
  (await db.appPool.query('SELECT model_run_id FROM app_schema.recommenders ORDER BY 1')).rows.map(
    (row) => row.model_run_id,
  );
/** Something to refresh for. */
const buyCup = (at: string) =>
  addEvent(db.appPool, { user: 30, product: products['White cup']!, type: 'purchase', at });
const refreshedRun = async (asOf: string): Promise<number> => {
  const result = await refresh(asOf);
  if (!result.refreshed) throw new Error(result.because);
  return result.modelRunId;
};

describe('a refresh', () => {
  it('gives a product that nobody has taken a place by what it says of itself', async () => {
    await train();
    const teapot = await addProduct(db.appPool, { name: 'Blue teapot' });
    expect(await refresh('2024-06-01T01:00:00Z')).toMatchObject({ refreshed: true, products: 4 });
    const { items } = await getList(db.appPool, {
      kind: 'similar',
      productId: products['Green teapot']!,
      limit: 1,
    });
    expect(items[0]).toMatchObject({ product_id: teapot, reason_code: 'similar' });
    const list = await getRecommendations(db.appPool, 1, 10);
    expect(list.find((item) => item.product_id === teapot)).toMatchObject({
      reason_code: 'similar',
      reason: 'similar to Green teapot',
    });
    // Of lamps it says nothing.
    expect((await getRecommendations(db.appPool, 40, 10)).map((item) => item.product_id)).not.toContain(
      teapot,
    );
  });

  it('counts pairs that came since, and says of them what happened', async () => {
    await train();
    const shade = await addProduct(db.appPool, { name: 'Paper shade' });
    for (let user = 21; user <= 30; user++)
      await addEvent(db.appPool, { user, product: shade, type: 'purchase', at: '2024-06-02T00:00:00Z' });
    await refreshedRun('2024-06-03T00:00:00Z');
    const { items } = await getList(db.appPool, {
      kind: 'bought_together',
      productIds: [products['Brass lamp']!],
      limit: 5,
    });
    expect(items.find((item) => item.product_id === shade)).toMatchObject({ reason_code: 'taken_together' });
    expect((await getRecommendations(db.appPool, 40, 1))[0]).toMatchObject({
      product_id: shade,
      reason_code: 'bought_together',
    });
  });

  it('is what a training with the same choices would be', async () => {
    await train();
    await buyCup('2024-06-02T00:00:00Z');
    const one = await refreshedRun('2024-06-03T00:00:00Z');
    // Too few customers bought for anything to be chosen: a training falls back on the same choices.
    const other = (await train('2024-06-03T00:00:00Z')).modelRunId;
    const { rows } = await db.adminPool.query(
      `SELECT n.product_id, n.neighbour_ids, n.weights, n.similar_ids FROM app_schema.product_neighbours n
       WHERE n.model_run_id = $1 EXCEPT
       SELECT n.product_id, n.neighbour_ids, n.weights, n.similar_ids FROM app_schema.product_neighbours n
       WHERE n.model_run_id = $2`,
      [one, other],
    );
    expect(rows).toEqual([]);
  });

  it('goes to now, or as far as what is served: a scoring trains to the end of its day', async () => {
    await train('2024-06-02T00:00:00Z');
    const at = (now: string) =>
      refreshRecommendations(db.mlPool, db.appPool, { ...options(now), asOf: undefined, now: new Date(now) });
    for (const [bought, now, asOf] of [
      ['2024-06-01T10:00:00Z', '2024-06-01T11:00:00Z', '2024-06-02T00:00:00Z'],
      ['2024-06-01T12:00:00Z', '2024-06-01T13:00:00Z', '2024-06-02T00:00:00Z'],
      ['2024-06-02T10:00:00Z', '2024-06-02T11:00:00Z', '2024-06-02T11:00:00Z'],
    ] as const) {
      await buyCup(bought);
      const result = await at(now);
      expect(result).toMatchObject({ refreshed: true, asOf: new Date(asOf) });
      expect(await served()).toBe(result.refreshed && result.modelRunId);
    }
  });

  it('does nothing where nothing is served, and where nothing came', async () => {
    expect(await refresh(TRAINED)).toEqual({ refreshed: false, because: 'untrained' });
    const { modelRunId } = await train();
    expect(await refresh('2024-06-03T00:00:00Z')).toEqual({ refreshed: false, because: 'no_news' });
    expect(await refresh('2024-05-31T00:00:00Z')).toEqual({ refreshed: false, because: 'no_news' });
    // What came late, of a moment that the training knew, is news as well.
    await buyCup('2024-05-20T00:00:00Z');
    expect(await refresh('2024-06-03T00:00:00Z')).toMatchObject({
      refreshed: true,
      refreshedFrom: modelRunId,
    });
    expect(await refresh('2024-06-04T00:00:00Z')).toEqual({ refreshed: false, because: 'no_news' });
    await publishVersion(db.appPool, {
      demand: [{ product_id: products['White cup']! }],
      asOf: '2024-07-01Z',
    });
    expect(await refresh('2024-07-02T00:00:00Z')).toEqual({ refreshed: false, because: 'untrained' });
  });
});

describe('beside trainings', () => {
  it('one of them ends meanwhile: it is served, and the refresh leaves nothing', async () => {
    await train();
    await buyCup('2024-06-02T00:00:00Z');
    let training: Promise<number> | undefined;
    const cup = products['White cup']!;
    const result = refresh('2024-06-03T00:00:00Z', (step) => {
      if (step === 'streaming events')
        training = publishVersion(db.appPool, { demand: [{ product_id: cup }], asOf: '2024-06-02Z' }).then(
          ({ modelRunId }) => modelRunId,
        );
    });
    // The hook runs before the first event is read: the version is there before anything is fitted.
    expect(await result).toEqual({ refreshed: false, because: 'overtaken' });
    expect(await served()).toBe(await training);
    expect(await versions()).toHaveLength(2);
  });

  it('one that began before a refresh and ends after it is served', async () => {
    await train();
    await buyCup('2024-06-02T00:00:00Z');
    const refreshed = await refreshedRun('2024-06-04T00:00:00Z');
    const training = await train('2024-06-03T00:00:00Z');
    expect(training.contest.promoted).toBe(true);
    expect(training.modelRunId).toBeGreaterThan(refreshed);
    expect(await served()).toBe(training.modelRunId);
  });

  it('a contest asks the training that was refreshed; a refresh of it meanwhile does not overtake', async () => {
    const { modelRunId } = await train();
    await buyCup('2024-06-02T00:00:00Z');
    await refreshedRun('2024-06-03T00:00:00Z');
    const asked: (number | undefined)[] = [];
    const { contest } = await publishVersion(
      db.appPool,
      { demand: [{ product_id: products['White cup']! }], asOf: '2024-06-02Z' },
      async (_challenger, champion) => {
        asked.push(champion?.modelRunId);
        await buyCup('2024-06-03T12:00:00Z');
        await refreshedRun('2024-06-04T00:00:00Z');
        return { promoted: true, against: champion?.modelRunId ?? null };
      },
    );
    expect(asked).toEqual([modelRunId]);
    expect(contest.promoted).toBe(true);
  });

  it('many refreshes push out no training, and the way back stays open', async () => {
    const { modelRunId: first } = await train();
    const { modelRunId: second } = await train('2024-06-02T00:00:00Z');
    let last = 0;
    for (let day = 3; day < 9; day++) {
      await buyCup(`2024-06-0${day}T00:00:00Z`);
      last = await refreshedRun(`2024-06-0${day}T12:00:00Z`);
    }
    expect(await versions()).toEqual([first, second, last - 1, last]);
    expect(await served()).toBe(last);
    await promoteModel(db.appPool, last - 1);
    expect(await served()).toBe(last - 1);
    await promoteModel(db.appPool, second);
    expect(await served()).toBe(second);
  });
});

describe('two at once, and one that dies', () => {
  it('the second says that the first is at work', async () => {
    await train();
    await buyCup('2024-06-02T00:00:00Z');
    const results = await Promise.all(['03', '04', '05'].map((day) => refresh(`2024-06-${day}T00:00:00Z`)));
    const outcomes = results.map((result) => (result.refreshed ? 'refreshed' : result.because)).sort();
    expect(outcomes).toEqual(['busy', 'busy', 'refreshed']);
    expect(await versions()).toHaveLength(2);
  });

  it('what fails on the way leaves what is served, and no lock', async () => {
    const { modelRunId } = await train();
    await buyCup('2024-06-02T00:00:00Z');
    const failure = refresh('2024-06-03T00:00:00Z', (step) => {
      if (step === 'publishing') throw new Error('out of memory');
    });
    await expect(failure).rejects.toThrow('out of memory');
    expect(await served()).toBe(modelRunId);
    expect(await refresh('2024-06-03T00:00:00Z')).toMatchObject({ refreshed: true });
  });

  it('survives the loss of the connection that holds the lock', async () => {
    await train();
    await buyCup('2024-06-02T00:00:00Z');
    const end = `SELECT pg_terminate_backend(pid) FROM pg_locks
      WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
    let ended: Promise<unknown> | undefined;
    const result = await refresh('2024-06-03T00:00:00Z', (step) => {
      if (step === 'streaming events') ended = db.adminPool.query(end);
    });
    expect(((await ended) as { rowCount: number }).rowCount).toBe(1);
    expect(result).toMatchObject({ refreshed: true });
    await buyCup('2024-06-03T00:00:00Z');
    expect(await refresh('2024-06-04T00:00:00Z')).toMatchObject({ refreshed: true });
  });

  it('a process that is killed takes nothing with it; the next one goes on', async () => {
    const { modelRunId } = await train();
    await buyCup('2024-06-02T00:00:00Z');
    // The rows of the version wait for us, so that it is killed between the first and the last of them.
    const keeper = await db.adminPool.connect();
    await keeper.query('BEGIN; LOCK app_schema.product_popularity IN SHARE MODE');
    const child = spawn(
      process.execPath,
      ['bin/customer-analyzer.js', 'recommendations', 'refresh', '--as-of', '2024-06-02'],
      { env: { PATH: process.env['PATH'], DATABASE_URL: db.url }, stdio: 'ignore' },
    );
    const waiting = `SELECT count(*)::integer AS count FROM pg_stat_activity
      WHERE wait_event_type = 'Lock' AND query LIKE '%COPY app_schema.product_popularity%' AND datname = current_database()`;
    try {
      while ((await db.adminPool.query(waiting)).rows[0].count === 0)
        await new Promise((resolve) => setTimeout(resolve, 20));
      child.kill('SIGKILL');
      await once(child, 'exit');
    } finally {
      keeper.release(true);
    }
    expect(await served()).toBe(modelRunId);
    expect(await versions()).toEqual([modelRunId]);
    let code: number | null = 1;
    let answer = { refreshed: false, because: 'busy' };
    // The server notices the end of the process by itself, a moment later.
    while (answer.because === 'busy') {
      const result = await runCli(['recommendations', 'refresh', '--as-of', '2024-06-02', '--json'], {
        DATABASE_URL: db.url,
      });
      code = result.code;
      answer = JSON.parse(result.stdout);
    }
    expect(code).toBe(0);
    expect(answer).toMatchObject({ refreshed: true, refreshedFrom: modelRunId, products: 4 });
  }, 60_000);
});
