import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAsOf } from '../src/scoring/as-of.ts';
import { score } from '../src/scoring/score.ts';
import { train } from '../src/scoring/train.ts';
import { addEvent } from './support/rows.ts';
import { AS_OF, loadShop, SCORING } from './support/shop.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

let db: TestDatabase;

beforeAll(async () => {
  db = await createTestDatabase();
  await loadShop(db.appPool);
});
afterAll(() => db.drop());

const retireModels = () =>
  db.adminPool.query("UPDATE app_schema.model_runs SET status = 'retired' WHERE status = 'promoted'");

const fingerprint = async (): Promise<unknown[]> =>
  (
    await db.adminPool.query(`
      SELECT user_id, segment_id, ltv::text, encode(float4send(churn_probability), 'hex') AS churn,
        encode(float4send(purchase_probability_30d), 'hex') AS purchase
      FROM app_schema.user_metrics ORDER BY user_id`)
  ).rows;

/** Rows and what is said of all together; not which run wrote a row, nor when. */
const published = async (): Promise<unknown> =>
  (
    await db.adminPool.query(`
      SELECT (SELECT evaluation FROM app_schema.get_latest_run('scoring')) AS evaluation, array_agg(concat_ws(' ', m.user_id, m.segment_id, m.ltv,
        encode(float4send(m.churn_probability), 'hex'), encode(float4send(m.purchase_probability_30d), 'hex'),
        d.ltv_status, d.churn_status, d.purchase_status, d.explanation) ORDER BY m.user_id) AS rows
      FROM app_schema.user_metrics m LEFT JOIN app_schema.user_score_details d USING (user_id)`)
  ).rows[0];

/** Some customers and some of their events up to the day of the moment. */
async function candidates(asOf: Date): Promise<{ userIds: number[]; eventIds: number[] }> {
  await db.adminPool.query('CREATE TABLE IF NOT EXISTS events_before AS SELECT * FROM app_schema.events');
  const { rows } = await db.adminPool.query(
    `SELECT (SELECT array_agg(user_id) FROM app_schema.users WHERE user_id % 20 = 0) AS "userIds",
       array_agg(event_id::integer) AS "eventIds"
     FROM app_schema.events WHERE user_id IS NOT NULL AND event_timestamp < $1::timestamptz + interval '1 day' AND event_id % 50 = 0`,
    [asOf],
  );
  return rows[0];
}

describe('scoring', () => {
  it('leaves a segment, an LTV and two probabilities for every customer who ever bought, and for nobody else', async () => {
    const summary = await score(db.mlPool, db.appPool, { ...SCORING, asOf: AS_OF });
    const { rows } = await db.adminPool.query(`
      SELECT count(*) AS buyers, count(m.segment_id) AS segments, count(m.ltv) AS ltvs, count(m.churn_probability) AS churns,
        count(m.purchase_probability_30d) AS purchases,
        count(*) FILTER (WHERE m.churn_probability > 1 - m.purchase_probability_30d) AS contradictions,
        count(*) FILTER (WHERE m.ltv < (d.explanation ->> 'historic_revenue')::numeric) AS shrunk,
        (SELECT count(*) FROM app_schema.user_metrics WHERE ltv IS NOT NULL) AS scored
      FROM (SELECT DISTINCT user_id FROM app_schema.events WHERE event_type = 'purchase') b
      LEFT JOIN app_schema.user_metrics m USING (user_id) LEFT JOIN app_schema.user_score_details d USING (user_id)`);
    const { buyers } = rows[0];
    expect(buyers).toBeGreaterThan(1000);
    expect(rows[0]).toEqual({
      buyers,
      segments: buyers,
      ltvs: buyers,
      churns: buyers,
      purchases: buyers,
      contradictions: 0,
      shrunk: 0,
      scored: buyers,
    });
    expect(summary.customers).toBe(buyers);
  });

  it('gives those who only looked a probability of a first purchase, and nothing else', async () => {
    const { rows } = await db.adminPool.query(`
      SELECT count(*) AS visitors, count(m.purchase_probability_30d) AS purchases,
        count(m.segment_id) + count(m.ltv) + count(m.churn_probability) AS others, min(d.churn_status) AS status
      FROM app_schema.users u LEFT JOIN app_schema.user_metrics m USING (user_id) LEFT JOIN app_schema.user_score_details d USING (user_id)
      WHERE NOT EXISTS (SELECT FROM app_schema.events e WHERE e.user_id = u.user_id AND e.event_type = 'purchase')`);
    const summary = await score(db.mlPool, db.appPool, { ...SCORING, asOf: AS_OF });
    // Visitors of the demonstration never buy: of that, too, nothing can be learnt, and no number is given.
    expect(summary.firstPurchase.missing.length).toBeGreaterThan(0);
    expect(rows[0]).toMatchObject({ purchases: 0, others: 0, status: null });
    expect(rows[0].visitors).toBeGreaterThan(50);
  });

  it('stores how each score did at an earlier cut-off beside a naive baseline, and beats it on what it is for', async () => {
    const { rows } = await db.adminPool.query(
      "SELECT evaluation, parameters FROM app_schema.get_latest_run('scoring')",
    );
    const { purchase, churn, ltv } = rows[0].evaluation;
    for (const part of [purchase, churn]) {
      expect(part.positives).toBeGreaterThanOrEqual(50);
      expect(Object.keys(part.models).sort()).toEqual([
        'blend',
        'boosted-trees',
        'calibrated-purchase-model',
        'logistic',
        'purchase-model',
        'recency',
      ]);
      const chosen = part.models[part.chosen];
      expect(chosen.auc).toBeGreaterThan(0.6);
      expect(chosen.logLoss).toBeLessThan(part.models.recency.logLoss);
      expect(chosen.ece).toBeLessThan(0.06);
    }
    expect(ltv.models['bg-nbd'].spearman).toBeGreaterThan(ltv.models['same-again'].spearman);
    expect(ltv.models['bg-nbd'].totalRatio).toBeGreaterThan(0.6);
    expect(ltv.models['bg-nbd'].totalRatio).toBeLessThan(1.6);
    const { expected, lower, upper } = rows[0].evaluation.revenue;
    const { sum } = (
      await db.adminPool.query(
        "SELECT sum((explanation ->> 'predicted_revenue')::numeric) AS sum FROM app_schema.user_score_details",
      )
    ).rows[0];
    expect(Math.abs(expected / sum - 1)).toBeLessThan(1e-3);
    expect(lower < expected && expected < upper).toBe(true);
  });

  it('records why a model was chosen: the simplest within one bootstrap standard error of the best', async () => {
    const { rows } = await db.adminPool.query("SELECT parameters FROM app_schema.get_latest_run('scoring')");
    for (const part of [rows[0].parameters.purchase, rows[0].parameters.churn]) {
      const { selection, chosen } = part;
      expect(selection.chosen).toBe(chosen);
      const eligible = selection.candidates.filter((candidate: { eligible: boolean }) => candidate.eligible);
      expect(eligible[0].name).toBe(chosen);
      expect(part.fittedAt.length).toBeGreaterThan(0);
    }
  });

  it('says what moved each probability, where the chosen model can', async () => {
    const { rows } = await db.adminPool.query(`
      SELECT d.explanation -> 'purchase_because' AS because, m.purchase_probability_30d AS probability
      FROM app_schema.user_score_details d JOIN app_schema.user_metrics m USING (user_id) ORDER BY m.purchase_probability_30d DESC`);
    const { parameters } = (
      await db.adminPool.query("SELECT parameters FROM app_schema.get_latest_run('scoring')")
    ).rows[0];
    expect(['logistic', 'boosted-trees', 'blend']).toContain(parameters.purchase.chosen);
    for (const { because } of rows) {
      expect(because.length).toBeLessThanOrEqual(3);
      for (const { feature, effect } of because)
        expect(feature.length > 3 && Math.abs(effect) >= 0.1).toBe(true);
    }
    const total = (row: { because: { effect: number }[] }): number =>
      row.because.reduce((sum, { effect }) => sum + effect, 0);
    // Who is most likely to buy has reasons for it, who is least likely has reasons against.
    expect(total(rows[0])).toBeGreaterThan(0);
    expect(total(rows.at(-1))).toBeLessThan(0);
  });

  it('gives the same rows to the bit when it runs again, and replaces the old ones', async () => {
    const before = await fingerprint();
    await score(db.mlPool, db.appPool, { ...SCORING, asOf: AS_OF });
    expect(await fingerprint()).toEqual(before);
    await score(db.mlPool, db.appPool, { ...SCORING, asOf: new Date('2024-03-01T00:00:00Z') });
    const earlier = await fingerprint();
    expect(earlier.length).toBeLessThan(before.length);
    await score(db.mlPool, db.appPool, { ...SCORING, asOf: AS_OF });
    expect(await fingerprint()).toEqual(before);
  });

  it('uses only what happened before the moment: a database that ends there gives the same scores (property)', async () => {
    const moment = fc
      .integer({ min: 0, max: 200 * 24 })
      .map((hours) => new Date(Date.UTC(2024, 11, 1) + hours * 3_600_000));
    await fc.assert(
      fc.asyncProperty(moment, async (asOf) => {
        await retireModels();
        await score(db.mlPool, db.appPool, { ...SCORING, asOf });
        const whole = await fingerprint();
        await db.adminPool.query(
          'CREATE TABLE later AS SELECT * FROM app_schema.events WHERE event_timestamp >= $1',
          [asOf],
        );
        await db.adminPool.query('DELETE FROM app_schema.events WHERE event_timestamp >= $1', [asOf]);
        await retireModels();
        const { trained } = await score(db.mlPool, db.appPool, { ...SCORING, asOf });
        expect(trained.length).toBeGreaterThan(0);
        expect(await fingerprint()).toEqual(whole);
        await db.adminPool.query('INSERT INTO app_schema.events SELECT * FROM later');
        await db.adminPool.query('DROP TABLE later');
      }),
      { numRuns: 3, examples: [[new Date('2024-11-15T13:30:00Z')]], endOnFailure: true },
    );
  }, 180_000);

  it('leaves rows alone that a scoring of everybody would leave as they are (property)', async () => {
    const asOf = new Date('2025-06-20T08:00:00Z');
    const { userIds, eventIds } = await candidates(asOf);
    const user = fc.constantFrom(...userIds);
    const event = fc.constantFrom(...eventIds);
    const hours = fc.integer({ min: -40, max: 24 * 500 });
    const amount = fc.integer({ min: 1, max: 90_000 }).map((cents) => cents / 100);
    const type = fc.constantFrom('view', 'purchase', 'refund', 'add_to_cart', 'adjustment');
    const sql = (text: string, values: unknown[] = []) => db.adminPool.query(text, values);
    const at = (before: number): string => new Date(asOf.getTime() - before * 3_600_000).toISOString();
    const change: fc.Arbitrary<() => Promise<unknown>> = fc.oneof(
      {
        weight: 6,
        arbitrary: fc
          .record({ user, type, hours, amount })
          .map(
            (e) => () => addEvent(db.appPool, { ...e, at: at(e.hours), properties: { amount: e.amount } }),
          ),
      },
      ...[
        fc.tuple(event).map(
          ([id]) =>
            () =>
              sql('DELETE FROM app_schema.events WHERE event_id = $1', [id]),
        ),
        // Of the day as a whole nothing changes, of the part before the moment it does.
        fc.tuple(event, hours).map(
          ([id, before]) =>
            () =>
              sql('UPDATE app_schema.events SET event_timestamp = $2 WHERE event_id = $1', [id, at(before)]),
        ),
        fc.tuple(user, user).map(
          ([from, to]) =>
            () =>
              sql('UPDATE app_schema.events SET user_id = $2 WHERE user_id = $1 AND event_id % 2 = 0', [
                from,
                to,
              ]),
        ),
        fc.tuple(user).map(
          ([id]) =>
            () =>
              sql('UPDATE app_schema.events SET user_id = NULL WHERE user_id = $1', [id]),
        ),
        fc.tuple(user).map(
          ([id]) =>
            () =>
              sql('UPDATE app_schema.user_metrics SET ltv = 1, segment_id = 1 WHERE user_id = $1', [id]),
        ),
        fc.tuple(user).map(
          ([id]) =>
            () =>
              sql(
                `UPDATE app_schema.user_score_details SET explanation = '{"orders": "none"}' WHERE user_id = $1`,
                [id],
              ),
        ),
        fc.tuple(user).map(
          ([id]) =>
            () =>
              sql('DELETE FROM app_schema.user_metrics WHERE user_id BETWEEN $1 AND $1 + 3', [id]),
        ),
        fc.constantFrom(
          ...[
            'DELETE FROM app_schema.user_score_details WHERE user_id % 100 = 7',
            'INSERT INTO app_schema.user_metrics (user_id, ltv) SELECT max(user_id), 7 FROM app_schema.users ON CONFLICT (user_id) DO UPDATE SET ltv = 7',
            'SELECT app_schema.refresh_user_days()',
          ].map((text) => () => sql(text)),
        ),
      ].map((arbitrary) => ({ weight: 1, arbitrary })),
    );
    await score(db.mlPool, db.appPool, { ...SCORING, asOf });
    let [leftAlone, rounds] = [0, 0];
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 25 }), async (changes) => {
        for (const make of changes) await make();
        const again = await score(db.mlPool, db.appPool, { ...SCORING, asOf });
        expect(again.trained).toEqual([]);
        rounds += 1;
        leftAlone += again.scored < again.customers / 2 ? 1 : 0;
        const incremental = await published();
        await db.appPool.query('SELECT app_schema.refresh_user_days(true)');
        await sql('TRUNCATE app_schema.user_metrics, app_schema.user_score_details');
        const full = await score(db.mlPool, db.appPool, { ...SCORING, asOf });
        expect(full.scored).toBe(full.customers + full.visitors);
        expect(await published()).toEqual(incremental);
      }),
      { numRuns: 6, endOnFailure: true },
    );
    // That the shortcut was taken is part of what is claimed.
    expect(leftAlone).toBe(rounds);
    await sql('DELETE FROM app_schema.events');
    await sql('INSERT INTO app_schema.events SELECT * FROM events_before');
  }, 120_000);

  it('scores everybody again for another moment, version or model, and where rows or their run were taken away', async () => {
    const once = { ...SCORING, asOf: AS_OF };
    const scored = async (options = once) => (await score(db.mlPool, db.appPool, options)).scored;
    const { customers } = await score(db.mlPool, db.appPool, once);
    expect(await scored()).toBe(0);
    expect(await scored({ ...once, codeVersion: 'next' })).toBe(customers);
    expect(await scored()).toBe(customers);
    expect(await scored()).toBe(0);
    expect(await scored({ ...once, ltvDiscountRate: 0.2 })).toBe(customers);
    expect(await scored({ ...once, ltvDiscountRate: 0.2 })).toBe(0);
    await db.adminPool.query('TRUNCATE app_schema.user_metrics');
    expect(await scored({ ...once, ltvDiscountRate: 0.2 })).toBe(customers);
    // As if the run had never been: its rows must not pass for those of the run before it.
    await db.adminPool.query(
      'DELETE FROM app_schema.model_runs WHERE model_run_id = (SELECT max(model_run_id) FROM app_schema.model_runs)',
    );
    expect(await scored({ ...once, ltvDiscountRate: 0.2 })).toBe(customers);
  });

  it('does not build on rows that another scoring published meanwhile', async () => {
    const once = { ...SCORING, asOf: AS_OF };
    const { customers } = await score(db.mlPool, db.appPool, once);
    const user = (await candidates(AS_OF)).userIds[0] as number;
    /** Another scoring, of an event more, comes between what this one reads and what it publishes. */
    const overtaken = {
      query: (text: string) => db.appPool.query(text),
      connect: async () => {
        await addEvent(db.appPool, { user, type: 'view', at: '2025-06-29T12:00:00Z' });
        expect((await score(db.mlPool, db.appPool, once)).scored).toBe(1);
        return db.appPool.connect();
      },
    } as unknown as pg.Pool;
    await expect(score(db.mlPool, overtaken, once)).rejects.toMatchObject({ code: 'SCORING_BUSY' });
    const other = { ...once, asOf: new Date('2025-06-30T00:00:00Z') };
    await score(db.mlPool, overtaken, other);
    expect((await score(db.mlPool, db.appPool, other)).scored).toBeGreaterThan(customers / 2);
    expect((await score(db.mlPool, db.appPool, other)).scored).toBe(0);
  });

  it('changes nothing when it fails half-way, and says why when two publish at once', async () => {
    await score(db.mlPool, db.appPool, { ...SCORING, asOf: AS_OF });
    const before = await fingerprint();
    const runs = async (): Promise<number> =>
      (await db.adminPool.query('SELECT count(*) AS n FROM app_schema.model_runs')).rows[0].n;
    const runsBefore = await runs();
    // A constraint that the last statement of the publication breaks: all before it has been written by then.
    await db.adminPool.query(
      'ALTER TABLE app_schema.user_score_details ADD CONSTRAINT boom CHECK (model_run_id < 0) NOT VALID',
    );
    await expect(
      score(db.mlPool, db.appPool, { ...SCORING, asOf: new Date('2025-05-01Z') }),
    ).rejects.toMatchObject({ code: 'DATABASE_REFUSED' });
    await db.adminPool.query('ALTER TABLE app_schema.user_score_details DROP CONSTRAINT boom');
    expect(await fingerprint()).toEqual(before);
    expect(await runs()).toBe(runsBefore);

    const other = await db.adminPool.connect();
    await other.query("BEGIN; SELECT pg_advisory_xact_lock(hashtext('customer-analyzer score'))");
    await expect(score(db.mlPool, db.appPool, { ...SCORING, asOf: AS_OF })).rejects.toMatchObject({
      code: 'SCORING_BUSY',
    });
    await other.query('ROLLBACK');
    other.release();
    expect(await fingerprint()).toEqual(before);
  });

  it('gives no number where data are too few, but says what is missing; segments need no model', async () => {
    const summary = await score(db.mlPool, db.appPool, {
      ...SCORING,
      asOf: AS_OF,
      ltvMinBuyers: 100_000,
      minOutcomes: 100_000,
    });
    expect(summary.ltv.missing).toEqual([
      { what: 'customers who bought', have: summary.customers, need: 100_000 },
    ]);
    const { rows } = await db.adminPool.query(`
      SELECT DISTINCT ltv, churn_probability, purchase_probability_30d, ltv_status, churn_status, purchase_status,
        segment_id IS NOT NULL AS has_segment, explanation #> '{missing,ltv,0,need}' AS need
      FROM app_schema.user_metrics JOIN app_schema.user_score_details USING (user_id)`);
    expect(rows).toEqual([
      {
        ltv: null,
        churn_probability: null,
        purchase_probability_30d: null,
        ltv_status: 'insufficient_data',
        churn_status: 'insufficient_data',
        purchase_status: 'insufficient_data',
        has_segment: true,
        need: 100_000,
      },
    ]);
  });

  it('refuses to score where nobody bought', async () => {
    await expect(
      score(db.mlPool, db.appPool, { ...SCORING, asOf: new Date('2000-01-01Z') }),
    ).rejects.toMatchObject({ code: 'SCORING_NO_DATA' });
  });

  it('takes a bare day as its end in the time zone of the shop', async () => {
    await db.adminPool.query("UPDATE app_schema.settings SET time_zone = 'Asia/Vladivostok'");
    expect((await parseAsOf(db.appPool, '2025-01-31')).toISOString()).toBe('2025-01-31T14:00:00.000Z');
    await db.adminPool.query("UPDATE app_schema.settings SET time_zone = 'UTC'");
    expect((await parseAsOf(db.appPool, '2025-01-31T12:00:00Z')).toISOString()).toBe(
      '2025-01-31T12:00:00.000Z',
    );
    await expect(parseAsOf(db.appPool, '2025-02-30')).rejects.toMatchObject({ code: 'VALIDATION' });
    await expect(parseAsOf(db.appPool, 'yesterday')).rejects.toMatchObject({ code: 'VALIDATION' });
    await expect(parseAsOf(db.appPool, '2025-01-31T12:00')).rejects.toMatchObject({ code: 'VALIDATION' });
  });

  it('gives visitors a probability of a first purchase once enough of them have bought, and says never_bought of the rest', async () => {
    await db.adminPool.query(`
      WITH visitors AS (INSERT INTO app_schema.users (first_name) SELECT 'visitor ' || n FROM generate_series(1, 90) n RETURNING user_id)
      INSERT INTO app_schema.events (user_id, event_type, event_timestamp)
      SELECT user_id, 'view', '2025-05-15Z'::timestamptz + user_id % 10 * interval '1 day' FROM visitors
      UNION ALL SELECT user_id, 'purchase', '2025-06-20Z' FROM visitors WHERE user_id % 3 = 0`);
    const summary = await score(db.mlPool, db.appPool, { ...SCORING, asOf: AS_OF, minOutcomes: 20 });
    expect(summary.firstPurchase.missing).toEqual([]);
    const { rows } = await db.adminPool.query(`
      SELECT count(*) AS visitors, min(m.purchase_probability_30d) > 0 AND max(m.purchase_probability_30d) < 1 AS inside,
        count(m.ltv) + count(m.churn_probability) + count(m.segment_id) AS others, min(u.ltv_status) AS ltv, min(u.purchase_status) AS purchase
      FROM app_schema.users x JOIN app_schema.user_metrics m USING (user_id) CROSS JOIN LATERAL app_schema.get_user(x.user_id) u
      WHERE NOT EXISTS (SELECT FROM app_schema.events e WHERE e.user_id = x.user_id AND e.event_type = 'purchase')`);
    expect(rows[0]).toEqual({
      visitors: summary.visitors,
      inside: true,
      others: 0,
      ltv: 'never_bought',
      purchase: 'ok',
    });
    expect(summary.visitors).toBeGreaterThanOrEqual(60);
    // One visitor comes again: of the others nobody is looked at, and all is as if everybody had been.
    await db.adminPool.query(`
      INSERT INTO app_schema.events (user_id, event_type, event_timestamp)
      SELECT max(user_id), 'add_to_cart', '2025-06-29T10:00:00Z' FROM app_schema.user_metrics WHERE segment_id IS NULL`);
    const again = await score(db.mlPool, db.appPool, { ...SCORING, asOf: AS_OF, minOutcomes: 20 });
    expect(again).toMatchObject({ scored: 1, visitors: summary.visitors, trained: [] });
    const incremental = await published();
    await db.adminPool.query('INSERT INTO app_schema.user_score_changes (user_id) VALUES (0)');
    await score(db.mlPool, db.appPool, { ...SCORING, asOf: AS_OF, minOutcomes: 20 });
    expect(await published()).toEqual(incremental);
  });

  it('does not learn from an absurd amount, says why, and keeps the model that was there', async () => {
    await score(db.mlPool, db.appPool, { ...SCORING, asOf: AS_OF });
    await db.adminPool.query(`
      INSERT INTO app_schema.events (user_id, event_type, event_timestamp, properties)
      SELECT min(user_id), 'purchase', '2025-06-29Z', '{"amount": 1e25}' FROM app_schema.user_metrics WHERE ltv IS NOT NULL`);
    const trained = await train(db.mlPool, db.appPool, { ...SCORING, asOf: AS_OF });
    const ltv = trained.find(({ kind }) => kind === 'ltv');
    expect(ltv?.modelRunId).toBeUndefined();
    expect(ltv?.missing[0]?.what).toMatch(/Gamma-Gamma.*e\+2/);
    const summary = await score(db.mlPool, db.appPool, { ...SCORING, asOf: AS_OF });
    const { rows } = await db.adminPool.query(
      'SELECT count(ltv) AS ltvs, count(churn_probability) AS churns FROM app_schema.user_metrics',
    );
    expect(rows[0]).toEqual({ ltvs: summary.customers, churns: summary.customers });
  });
});
