import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importFiles } from '../src/ingestion/import.ts';
import { parseAsOf } from '../src/scoring/as-of.ts';
import { evaluateLifetimeValue, evaluateOutcome } from '../src/scoring/evaluate.ts';
import { runCli } from './support/cli.ts';
import { loadShop } from './support/shop.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

const data = process.env['CUSTOMER_ANALYZER_DATA'];
const candidates = ['recency', 'purchase-model', 'calibrated-purchase-model', 'logistic', 'boosted-trees'];

describe('evaluation on a shop whose truth is known', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase();
    await loadShop(db.appPool);
  });
  afterAll(() => db.drop());
  const options = { cutoff: undefined, horizonDays: 30, cutoffs: 3, minOutcomes: 50 };

  it('judges every candidate at three cut-offs, one horizon apart, the last as late as can be known', async () => {
    const result = await evaluateOutcome(db.mlPool, 'purchase', options);
    expect(result.cutoffs.map(({ cutoff }) => cutoff.toISOString().slice(0, 10))).toEqual([
      '2025-04-02',
      '2025-05-02',
      '2025-06-01',
    ]);
    expect(Object.keys(result.models)).toEqual(candidates);
    expect(candidates).toContain(result.chosen);
    for (const { positives, customers } of result.cutoffs)
      expect(positives > 50 && positives < customers - 50).toBe(true);
    expect(result.models['purchase-model']?.['auc']).toBeGreaterThan(
      result.models['recency']?.['auc'] as number,
    );
  });

  it('is the same question seen from the other side for churn', async () => {
    const purchase = await evaluateOutcome(db.mlPool, 'purchase', {
      ...options,
      horizonDays: 90,
      cutoffs: 1,
    });
    const churn = await evaluateOutcome(db.mlPool, 'churn', { ...options, horizonDays: 90, cutoffs: 1 });
    for (const metric of ['auc', 'brier', 'logLoss']) {
      expect(churn.models['logistic']?.[metric]).toBeCloseTo(
        purchase.models['logistic']?.[metric] as number,
        10,
      );
    }
    expect(churn.cutoffs[0]!.positives).toBe(purchase.cutoffs[0]!.customers - purchase.cutoffs[0]!.positives);
  });

  it('trains on nothing after the cut-off: what happened later changes no forecast, only its marks', async () => {
    const cutoff = await parseAsOf(db.appPool, '2025-04-30');
    const before = await evaluateLifetimeValue(db.mlPool, {
      ...options,
      cutoff,
      horizonDays: 60,
      cutoffs: 1,
    });
    await db.adminPool.query(
      "UPDATE app_schema.events SET properties = properties || '{\"unit_price\": 1}' WHERE event_type = 'purchase' AND event_timestamp >= $1",
      [cutoff],
    );
    const after = await evaluateLifetimeValue(db.mlPool, { ...options, cutoff, horizonDays: 60, cutoffs: 1 });
    expect(after.parameters).toEqual(before.parameters);
    expect(after.logLikelihood).toBe(before.logLikelihood);
    expect(after.models['bg-nbd']).not.toEqual(before.models['bg-nbd']);
  });

  it('refuses a cut-off whose window has not ended, and names the latest one that can be judged', async () => {
    const late = { ...options, cutoff: new Date('2025-06-15T00:00:00Z') };
    await expect(evaluateOutcome(db.mlPool, 'purchase', late)).rejects.toMatchObject({
      code: 'VALIDATION',
      details: { latestCutoff: '2025-06-01T00:00:00.000Z' },
    });
    await expect(
      evaluateOutcome(db.mlPool, 'purchase', { ...options, minOutcomes: 100_000 }),
    ).rejects.toMatchObject({ code: 'SCORING_NO_DATA' });
  });

  it('answers as JSON on the terminal', async () => {
    const result = await runCli(['evaluate', 'churn', '--json', '--cutoffs', '1', '--horizon', '60'], {
      DATABASE_URL: db.url,
    });
    expect(result.code, result.stderr).toBe(0);
    const answer = JSON.parse(result.stdout);
    expect(answer.cutoffs).toHaveLength(1);
    expect(Object.keys(answer.models[answer.chosen]).sort()).toEqual([
      'ap',
      'auc',
      'brier',
      'ece',
      'logLoss',
    ]);
  });
});

describe.skipIf(!data)('evaluation on CDNOW (needs CUSTOMER_ANALYZER_DATA)', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase();
    await importFiles(
      [join(data as string, 'cdnow/CDNOW_sample.txt')],
      {},
      { pool: db.appPool, stdin: process.stdin },
    );
  });
  afterAll(() => db.drop());

  it('fits the published parameters at 1997-09-30 and forecasts 273 days within a quarter of what came', async () => {
    const cutoff = await parseAsOf(db.appPool, '1997-09-30');
    const result = await evaluateLifetimeValue(db.mlPool, {
      cutoff,
      horizonDays: 273,
      cutoffs: 1,
      minOutcomes: 100,
    });
    // Fader, Hardie & Lee (2005), table 2; MBG/NBD is no likelier by a whole unit, so the simpler stays.
    expect(result.chosen).toBe('bg-nbd');
    expect(result.parameters['r']).toBeCloseTo(0.243, 3);
    expect(result.logLikelihood).toBeCloseTo(-9582.43, 2);
    expect(result.models['bg-nbd']?.['totalRatio']).toBeGreaterThan(0.75);
    expect(result.models['bg-nbd']?.['totalRatio']).toBeLessThan(1.25);
    expect(result.models['bg-nbd']?.['mae']).toBeLessThan(result.models['same-again']?.['mae'] as number);
  });
});
