import type pg from 'pg';
import { loadDemoShop } from '../../src/demo/load.ts';
import { openDemoShop } from '../../src/demo/simulate.ts';
import { plainLinearAlgebra } from '../../src/models/linear-algebra/plain.ts';
import { trainRecommendations } from '../../src/recommendations/train.ts';
import { type ScoreOptions, score } from '../../src/scoring/score.ts';

/** Large enough for every score to have its data, small enough to be loaded in a second or two. */
const SHOP = { customers: 1200, products: 80, days: 540, seed: 7, lastDay: '2025-06-30' };

export const SCORING: Omit<ScoreOptions, 'asOf'> = {
  codeVersion: 'test',
  purchaseHorizonDays: 30,
  churnHorizonDays: 90,
  ltvHorizonDays: 365,
  ltvDiscountHorizonDays: 1095,
  ltvDiscountRate: 0.1,
  ltvMinBuyers: 500,
  ltvMinHistoryDays: 182,
  minOutcomes: 50,
};

export const AS_OF = new Date('2025-07-01T00:00:00Z');

export async function loadShop(appPool: pg.Pool): Promise<void> {
  await loadDemoShop(openDemoShop(SHOP), { appPool });
}

export async function loadScoredShop(mlPool: pg.Pool, appPool: pg.Pool): Promise<void> {
  await loadShop(appPool);
  await score(mlPool, appPool, { ...SCORING, asOf: AS_OF });
  await trainRecommendations(mlPool, appPool, {
    asOf: AS_OF,
    codeVersion: 'test',
    algebra: plainLinearAlgebra,
  });
}
