import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promoteSegmentation } from '../src/scoring/promote-segmentation.ts';
import { score } from '../src/scoring/score.ts';
import { type SegmentationOptions, segmentFeatures } from '../src/scoring/segmentation.ts';
import { AS_OF, loadShop, SCORING } from './support/shop.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
  await loadShop(db.appPool);
});
afterAll(() => db.drop());

// Segments need no probability: with this bar the models that cost time are left out.
const scoreSegments = () => score(db.mlPool, db.appPool, { ...SCORING, asOf: AS_OF, minOutcomes: 1_000_000 });
const promote = (options: Partial<SegmentationOptions>) =>
  promoteSegmentation(db.mlPool, db.appPool, AS_OF, 'test', {
    algorithm: 'k-means',
    features: segmentFeatures,
    seed: 1,
    ...options,
  });
const sizes = async (): Promise<Record<string, number>> => {
  const { rows } = await db.appPool.query('SELECT code, customers FROM app_schema.list_segments()');
  return Object.fromEntries(rows.map(({ code, customers }) => [code, customers]));
};

describe('segmentation', () => {
  it('is by RFM rules until an administrator promotes clusters, which get ids of their own and words in both languages', async () => {
    await scoreSegments();
    expect(Object.keys(await sizes())).toContain('champions');
    const stored = await promote({ clusters: 4 });
    await scoreSegments();
    const { rows } = await db.appPool.query('SELECT * FROM app_schema.list_segments()');
    expect(rows.map(({ segment_id }) => segment_id)).toEqual([11, 12, 13, 14]);
    expect(rows.reduce((sum, { customers }) => sum + customers, 0)).toBe(1200);
    expect(new Set(rows.map(({ name_en }) => name_en)).size).toBe(4);
    for (const row of rows) {
      expect(row.customers).toBeGreaterThan(0);
      expect(row.description_ru).toMatch(/[а-я]/);
    }
    expect(stored.nextSegmentId).toBe(15);
  });

  it('keeps the ids of clusters that are still there, and puts everybody where they were', async () => {
    const before = await sizes();
    await promote({ clusters: 4 });
    await scoreSegments();
    expect(await sizes()).toEqual(before);
    const more = await promote({ clusters: 6 });
    expect(more.segments.filter(({ id }) => id <= 14).length).toBeGreaterThanOrEqual(3);
    expect(Math.max(...more.segments.map(({ id }) => id))).toBeGreaterThanOrEqual(15);
  });

  it('is not used for a moment before the one it was fitted at: it knew too much', async () => {
    await score(db.mlPool, db.appPool, {
      ...SCORING,
      asOf: new Date(AS_OF.getTime() - 86_400_000),
      minOutcomes: 1_000_000,
    });
    expect(Object.keys(await sizes())).toContain('champions');
  });

  it('gives way to the rules again, and to DBSCAN, whose noise is a segment too', async () => {
    await promote({ algorithm: 'dbscan', features: ['recency_days', 'orders'] });
    await scoreSegments();
    const clusters = await sizes();
    expect(Object.values(clusters).reduce((sum, customers) => sum + customers, 0)).toBe(1200);
    expect(Object.keys(clusters).every((code) => /^(cluster_\d+|no_group)$/.test(code))).toBe(true);
    await promote({ algorithm: 'rfm' });
    await scoreSegments();
    expect(Object.keys(await sizes())).toHaveLength(10);
  });
});
