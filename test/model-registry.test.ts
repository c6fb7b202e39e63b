import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listModels, type ModelRow, promoteModel, realisedOutcomes } from '../src/analytics/models.ts';
import { removeDemo } from '../src/demo/remove.ts';
import { score } from '../src/scoring/score.ts';
import { daysBefore } from '../src/scoring/snapshot.ts';
import { train } from '../src/scoring/train.ts';
import { runCli } from './support/cli.ts';
import { AS_OF, loadShop, SCORING } from './support/shop.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
  await loadShop(db.appPool);
});
afterAll(() => db.drop());

const EARLIER = daysBefore(AS_OF, 65);
const scoreAt = (asOf: Date) => score(db.mlPool, db.appPool, { ...SCORING, asOf });
const trainAt = (asOf: Date) => train(db.mlPool, db.appPool, { ...SCORING, asOf });
const models = (kind?: string): Promise<ModelRow[]> => listModels(db.appPool, kind, 1000);
const applied = async (): Promise<Record<string, number>> =>
  (await db.appPool.query("SELECT parameters -> 'models' AS models FROM app_schema.get_latest_run()")).rows[0]
    .models;

describe('model registry', () => {
  it('trains what is missing at the first score, and applies it at the next', async () => {
    const first = await scoreAt(EARLIER);
    expect(first.trained).toEqual(['purchase', 'churn', 'ltv']);
    const trained = await models();
    expect(trained.map(({ kind, status }) => [kind, status]).sort()).toEqual([
      ['churn', 'champion'],
      ['ltv', 'champion'],
      ['purchase', 'champion'],
      ['scoring', 'applied'],
    ]);
    for (const model of trained.filter(({ kind }) => kind !== 'scoring')) {
      expect(model).toMatchObject({ as_of: EARLIER, code_version: 'test' });
      expect(model.algorithm).toBeTruthy();
      expect(model.customers).toBeGreaterThan(1000);
      expect(model.duration_seconds).toBeGreaterThan(0);
      expect(model.data_from?.getTime()).toBeLessThan(daysBefore(EARLIER, 300).getTime());
    }
    const used = await applied();
    const again = await scoreAt(daysBefore(EARLIER, -10));
    expect(again.trained).toEqual([]);
    expect(await applied()).toEqual(used);
  });

  it('trains again what is older than a purchase horizon, and uses for a moment no model that knew more', async () => {
    const later = await scoreAt(AS_OF);
    expect(later.trained).toEqual(['purchase', 'churn', 'ltv']);
    const now = await applied();
    await scoreAt(daysBefore(EARLIER, -10));
    const then = await applied();
    for (const kind of ['purchase', 'churn', 'ltv'] as const) expect(then[kind]).toBeLessThan(now[kind]!);
  });

  it('brings an older model back when it is promoted, until another is', async () => {
    const [newest, oldest] = await models('purchase');
    expect([newest!.status, oldest!.status]).toEqual(['champion', 'promoted']);
    expect(await promoteModel(db.appPool, oldest!.model_run_id)).toBe('purchase');
    expect((await models('purchase')).map(({ status }) => status)).toEqual(['challenger', 'champion']);
    await promoteModel(db.appPool, newest!.model_run_id);
    expect((await models('purchase')).map(({ status }) => status)).toEqual(['champion', 'promoted']);
  });

  it('refuses to promote what is no model', async () => {
    const [scoring] = await models('scoring');
    await expect(promoteModel(db.appPool, scoring!.model_run_id)).rejects.toMatchObject({
      code: 'VALIDATION',
    });
    await expect(promoteModel(db.appPool, 999_999)).rejects.toMatchObject({ code: 'VALIDATION' });
    await expect(db.mlPool.query('SELECT app_schema.promote_model(1)')).rejects.toThrow(/read-only/);
  });

  it('says what it had said of all customers, and what came', async () => {
    const outcomes = await realisedOutcomes(db.appPool, AS_OF);
    const first = outcomes.filter(({ as_of }) => as_of.getTime() === EARLIER.getTime());
    expect(first.map(({ question }) => question)).toEqual(['purchase']);
    const { rows } = await db.adminPool.query(
      `SELECT avg(exists(SELECT FROM app_schema.events e WHERE e.user_id = b.user_id AND e.event_type = 'purchase'
         AND e.event_timestamp >= $1 AND e.event_timestamp < $2)::integer)::double precision AS came, count(*) AS customers
       FROM (SELECT DISTINCT user_id FROM app_schema.events WHERE event_type = 'purchase' AND event_timestamp < $1) b`,
      [EARLIER, daysBefore(EARLIER, -30)],
    );
    expect(first[0]).toMatchObject({ customers: rows[0].customers, horizon_days: 30 });
    expect(first[0]!.came).toBeCloseTo(rows[0].came, 12);
    // In a shop without seasons that is what calibration promises.
    expect(Math.abs(first[0]!.said - first[0]!.came)).toBeLessThan(4 * first[0]!.standard_error);
  });

  it('measures how far the customers have moved since the training: hardly in ten days', async () => {
    const { rows } = await db.appPool.query('SELECT evaluation FROM app_schema.get_latest_run()');
    const drift: { name: string; psi: number; level: string }[] = rows[0].evaluation.drift.purchase;
    expect(drift.map(({ name }) => name)).toContain('forecast');
    expect(drift.find(({ name }) => name === 'forecast')).toMatchObject({ level: 'stable' });
    expect(drift.find(({ name }) => name === 'order_value')!.psi).toBeLessThan(0.05);
  });

  it('shows all of it on the terminal', async () => {
    const run = async (...args: string[]) => (await runCli(args, { DATABASE_URL: db.url })).stdout;
    const list = await run('models', 'list', '--kind', 'purchase');
    expect(list).toMatch(/run +kind +algorithm +status/);
    expect(list).toMatch(/purchase .*champion/);
    const [newest] = await models('scoring');
    const shown = await run('models', 'show', String(newest!.model_run_id));
    expect(shown).toContain('models applied: {');
    expect(await run('models', 'check', '--as-of', '2025-06-30')).toMatch(/we said +came +verdict/);
    const json = JSON.parse(await run('models', 'list', '--json'));
    expect(json.items.length).toBeGreaterThan(5);
  });

  it('keeps the champion where a new one was worse on a window that neither saw', async () => {
    // Nearly everybody buys in the month before the last: who calibrates on that month is wrong about the next.
    const [from, until] = [daysBefore(AS_OF, 60), daysBefore(AS_OF, 30)];
    await db.adminPool.query(
      `INSERT INTO app_schema.events (user_id, event_type, event_timestamp, properties)
       SELECT user_id, 'purchase', $1::timestamptz + interval '5 days', '{"amount": 10}' FROM app_schema.user_metrics
       WHERE segment_id IS NOT NULL AND user_id % 10 > 0`,
      [from],
    );
    const [champion] = (await models('purchase')).filter(({ as_of }) => as_of <= until);
    await promoteModel(db.appPool, champion!.model_run_id);
    const results = await trainAt(AS_OF);
    const purchase = results.find(({ kind }) => kind === 'purchase')!;
    const { contest } = purchase.parameters as { contest: Record<string, number> };
    expect(contest['against']).toBe(champion!.model_run_id);
    expect(contest['challengerLoss']).toBeGreaterThan(contest['championLoss']! + contest['standardError']!);
    expect(purchase.promoted).toBe(false);
    expect((await models('purchase'))[0]).toMatchObject({
      model_run_id: purchase.modelRunId,
      status: 'challenger',
    });
    expect(
      (await db.appPool.query("SELECT model_run_id FROM app_schema.get_champion('purchase')")).rows,
    ).toEqual([{ model_run_id: champion!.model_run_id }]);
  });

  it('trains anew what another version stored in another form', async () => {
    await db.adminPool.query(
      `UPDATE app_schema.model_runs SET model = '{"model": "of tomorrow"}' WHERE kind = 'churn'`,
    );
    const again = await scoreAt(AS_OF);
    expect(again.trained).toContain('churn');
    expect(again.churn.missing).toEqual([]);
  });

  it('retires what it learnt from the demonstration shop with the shop', async () => {
    await removeDemo(db.appPool);
    const kept = await models();
    expect(new Set(kept.map(({ status }) => status))).toEqual(new Set(['applied', 'challenger', 'retired']));
  });
});
