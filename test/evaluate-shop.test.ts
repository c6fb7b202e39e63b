import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLinearAlgebra } from '../src/compute/open-linear-algebra.ts';
import { loadDemoShop } from '../src/demo/load.ts';
import { openDemoShop } from '../src/demo/simulate.ts';
import { evaluateRefresh } from '../src/recommendations/evaluate-refresh.ts';
import { evaluateShop } from '../src/recommendations/evaluate-shop.ts';
import { trainRecommendations } from '../src/recommendations/train.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

const algebra = openLinearAlgebra({ threads: 1 });
let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
  const shop = openDemoShop({ customers: 400, products: 24, days: 240, seed: 3, lastDay: '2025-06-30' });
  await loadDemoShop(shop, { appPool: db.appPool });
});
afterAll(async () => {
  await algebra.close();
  await db.drop();
});

const options = {
  horizonDays: 30,
  k: 5,
  codeVersion: 'test',
  algebra,
  clock: () => 0,
};
const runs = async () =>
  (await db.adminPool.query("SELECT * FROM app_schema.model_runs WHERE kind = 'recommendations'")).rows;

describe('customer-analyzer evaluate recommender on the database', () => {
  it('sets the list that is served, read through SQL, beside every model, and leaves no trace', async () => {
    const { tasks, asOf } = await evaluateShop(db, options);
    expect(asOf.toISOString().slice(0, 10)).toBe('2025-06-01');
    for (const task of ['next', 'fresh'] as const) {
      const { users, models } = tasks[task].warm;
      expect(users).toBeGreaterThan(20);
      expect(Object.keys(models)).toEqual(
        expect.arrayContaining(['served', 'popularity', 'item-knn', 'als', 'ease']),
      );
      for (const summary of Object.values(models)) {
        expect(summary.ndcgLow).toBeLessThanOrEqual(summary.ndcg);
        expect(summary.ndcgHigh).toBeGreaterThanOrEqual(summary.ndcg);
        expect(summary.coverage).toBeGreaterThan(0);
        expect(summary.coverage).toBeLessThanOrEqual(1);
      }
    }
    // Half of the list is for what is due at most: what was bought is found there, and popularity alone is behind.
    expect(tasks.next.warm.models['served']!.ndcg).toBeGreaterThan(
      tasks.next.warm.models['popularity']!.ndcg,
    );
    expect(await runs()).toEqual([]);
  }, 120_000);

  it('sets a refresh beside the training that it follows and a new one, and leaves no trace', async () => {
    const { tasks, asOf, trainedAsOf } = await evaluateRefresh(db, { ...options, ageDays: 60 });
    expect(asOf.getTime() - trainedAsOf.getTime()).toBe(60 * 86_400_000);
    const { users, ndcg, refreshedLessStale, refreshedLessTrained } = tasks.next;
    expect(users).toBeGreaterThan(20);
    expect(refreshedLessStale.mean).toBeCloseTo(ndcg.refreshed.mean - ndcg.stale.mean, 9);
    expect(refreshedLessTrained.mean).toBeCloseTo(ndcg.refreshed.mean - ndcg.trained.mean, 9);
    expect(refreshedLessStale.low).toBeLessThanOrEqual(refreshedLessStale.mean);
    expect(refreshedLessStale.high).toBeGreaterThanOrEqual(refreshedLessStale.mean);
    // Two months later other products are in demand: the lists are not those of then.
    expect(ndcg.refreshed.mean).not.toBe(ndcg.stale.mean);
    expect(await runs()).toEqual([]);
  }, 120_000);

  it('refuses a cut-off whose window has not been seen whole', async () => {
    await expect(
      evaluateShop(db, { ...options, asOf: new Date('2025-06-20T00:00:00Z') }),
    ).rejects.toMatchObject({ code: 'VALIDATION', hint: expect.stringContaining('2025-06-01') });
  });
});

describe('training on a shop', () => {
  it('chooses on the last window, records what it rests on, and compares with the champion where that is fair', async () => {
    const train = (day: string) =>
      trainRecommendations(db.mlPool, db.appPool, {
        asOf: new Date(`${day}T00:00:00Z`),
        codeVersion: 'test',
        algebra,
      });
    const first = await train('2025-05-01');
    expect(first.contest).toEqual({ promoted: true, against: null });
    const second = await train('2025-07-01');
    expect(second.contest).toMatchObject({ against: first.modelRunId, metric: 'ndcg' });
    expect(second.contest['champion']).toBeGreaterThan(0);
    expect(second.contest.promoted).toBe(
      (second.contest['challenger'] as number) >= (second.contest['champion'] as number) - 0.005,
    );
    // A window that the champion was trained on itself says nothing of it.
    expect((await train('2025-07-05')).contest).toMatchObject({ promoted: true, comparable: false });
    const [run] = (await runs()).slice(-1);
    expect(run.evaluation).toMatchObject({ models: { popularity: expect.anything() } });
    expect(run.evaluation.ndcg).toBeGreaterThanOrEqual(run.evaluation.models[run.algorithm].ndcg);
  }, 60_000);
});
