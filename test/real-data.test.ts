import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { importFiles } from '../src/ingestion/import.ts';
import { plainLinearAlgebra } from '../src/models/linear-algebra/plain.ts';
import { getRecommendations } from '../src/recommendations/serve.ts';
import { trainRecommendations } from '../src/recommendations/train.ts';
import { parseAsOf } from '../src/scoring/as-of.ts';
import { score } from '../src/scoring/score.ts';
import { SCORING } from './support/shop.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

const data = process.env['CUSTOMER_ANALYZER_DATA'];
let db: TestDatabase;

beforeAll(async () => {
  if (data) db = await createTestDatabase();
});
afterAll(() => db?.drop());
beforeEach(() => db?.clear());

const load = (file: string) =>
  importFiles([join(data as string, file)], {}, { pool: db.appPool, stdin: process.stdin });

describe.skipIf(!data)('real data, from the file to the scores (needs CUSTOMER_ANALYZER_DATA)', () => {
  it('CDNOW: the whole way gives the published parameters (Fader, Hardie & Lee 2005, Marketing Science 24(2), table 2)', async () => {
    const report = await load('cdnow/CDNOW_sample.txt');
    expect(report).toMatchObject({ read: 6919, accepted: 6919, duplicates: 0, rejected: 0 });
    const asOf = await parseAsOf(db.appPool, '1997-09-30');
    const summary = await score(db.mlPool, db.appPool, { ...SCORING, asOf });
    expect(summary.customers).toBe(2357);
    const { bgNbd, ltv } = (
      await db.adminPool.query("SELECT parameters FROM app_schema.get_latest_run('scoring')")
    ).rows[0].parameters;
    expect(bgNbd.parameters.r).toBeCloseTo(0.243, 3);
    expect(bgNbd.parameters.alpha).toBeCloseTo(4.414, 3);
    expect(bgNbd.parameters.a).toBeCloseTo(0.793, 3);
    expect(bgNbd.parameters.b).toBeCloseTo(2.426, 3);
    expect(bgNbd.diagnostics.logLikelihood).toBeCloseTo(-9582.43, 2);
    // Fader & Hardie, "The Gamma-Gamma model of monetary value" (2013): 946 repeat customers.
    expect(ltv.gammaGamma.diagnostics.customers).toBe(946);
    expect(ltv.gammaGamma.parameters.p).toBeCloseTo(6.25, 2);
    expect(ltv.gammaGamma.parameters.q).toBeCloseTo(3.74, 2);
    expect(ltv.gammaGamma.parameters.gamma).toBeCloseTo(15.44, 2);
  });

  it('Online Retail: scored and recommended as of 2011-11-01, sensible for every customer', async () => {
    await load('online_retail/online_retail.csv.gz');
    const asOf = await parseAsOf(db.appPool, '2011-11-01');
    const { customers, ltv, purchase, churn } = await score(db.mlPool, db.appPool, { ...SCORING, asOf });
    expect([ltv.missing, purchase.missing, churn.missing]).toEqual([[], [], []]);
    const { rows } = await db.adminPool.query(`
      SELECT count(*) FILTER (WHERE segment_id IS NOT NULL) AS scored, count(ltv) AS ltvs, min(churn_probability) >= 0 AND max(churn_probability) <= 1 AS churn_ok
      FROM app_schema.user_metrics`);
    expect(rows[0]).toEqual({ scored: customers, ltvs: customers, churn_ok: true });
    for (const { evaluation } of [purchase, churn]) {
      const models = evaluation['models'] as Record<string, { auc: number; logLoss: number }>;
      const chosen = models[evaluation['chosen'] as string];
      expect(chosen?.auc).toBeGreaterThan(models['recency']?.auc as number);
      expect(chosen?.logLoss).toBeLessThan(models['recency']?.logLoss as number);
    }

    await trainRecommendations(db.mlPool, db.appPool, {
      asOf,
      codeVersion: 'test',
      algebra: plainLinearAlgebra,
    });
    // Who bought alarm clocks is offered other alarm clocks and the like, never postage; again only what people, or this customer by habit, buy again.
    const buyers = await db.adminPool.query(`
      SELECT DISTINCT e.user_id FROM app_schema.events e JOIN app_schema.products p USING (product_id)
      WHERE p.name LIKE 'ALARM CLOCK BAKELIKE%' AND e.user_id IS NOT NULL AND e.event_type = 'purchase' ORDER BY 1 LIMIT 20`);
    for (const { user_id } of buyers.rows) {
      const items = await getRecommendations(db.appPool, user_id, 20);
      expect(items).toHaveLength(20);
      expect(items.every((item) => item.reason.length > 10 && item.score > 0)).toBe(true);
      const ids = items.map((item) => item.product_id);
      const wrong = await db.adminPool.query(
        `SELECT p.name FROM app_schema.products p
         LEFT JOIN app_schema.product_popularity q USING (product_id) LEFT JOIN app_schema.recommenders r USING (model_run_id)
         WHERE p.product_id = ANY ($1) AND (NOT p.is_merchandise OR NOT q.is_bought_repeatedly AND (
           SELECT count(*) BETWEEN 1 AND coalesce(r.habit_purchases, 2147483647) - 1
           FROM app_schema.events e WHERE e.user_id = $2 AND e.product_id = p.product_id AND e.event_type = 'purchase'))`,
        [ids, user_id],
      );
      expect(wrong.rows).toEqual([]);
    }
  }, 240_000);
});
