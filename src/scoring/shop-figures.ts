import type pg from 'pg';
import type { FeatureDrift } from '../models/drift.ts';
import { drawRepresentatives, type Representatives, type TotalRevenue } from '../models/total-revenue.ts';
import { drawCustomers } from './customer-sample.ts';
import { type Populations, pickPopulations, readPopulations, snapshotOf } from './features.ts';
import { driftOf, type Said, saidOf } from './monitoring.ts';
import type { Champions } from './registry.ts';
import { revenueTotal } from './revenue-outlook.ts';
import { buyersAmong, pick, type Standings } from './standings.ts';
import { settingsOf, type TrainingOptions } from './train.ts';

type Question = 'purchase' | 'churn' | 'first_purchase';

/** What a scoring says of the shop as a whole. */
export interface ShopFigures {
  readonly buyers: number;
  /** Who only looked, and got a probability to buy. */
  readonly visitors: number;
  readonly said: Partial<Record<Question, Said>>;
  readonly drift: Partial<Record<Question, FeatureDrift[]>>;
  /** Predicted revenue of all customers within the horizon of LTV; `undefined` where that cannot be said. */
  readonly revenue: TotalRevenue | undefined;
}

/** The mean of what stands in the rows: probabilities of a purchase. */
function saidOfAll(
  all: Standings,
  buyers: Int32Array,
  models: Champions,
  options: TrainingOptions,
): ShopFigures['said'] {
  const settings = settingsOf(options);
  const ofBuyers = new Set(buyers);
  const visitors = Int32Array.from(all.userId.keys()).filter((row) => !ofBuyers.has(row));
  const answers = {
    purchase: () => pick(all.purchase, buyers),
    churn: () => pick(all.churn, buyers).map((churned) => 1 - churned),
    first_purchase: () => pick(all.purchase, visitors),
  };
  const said: Partial<Record<Question, Said>> = {};
  for (const kind of Object.keys(answers) as Question[])
    if (models[kind]) said[kind] = saidOf(settings[kind].horizonDays, answers[kind]());
  return said;
}

/** Who stands for the revenue of all: user_ids ascending, with what is published of each. */
interface RevenueSample {
  readonly userIds: Int32Array;
  readonly expectedRevenue: Float64Array;
  readonly representatives: Representatives;
}

function sampleRevenue(all: Standings, buyers: Int32Array): RevenueSample {
  const expected = pick(all.predictedRevenue, buyers);
  const representatives = drawRepresentatives(expected);
  const { rows } = representatives;
  return {
    userIds: rows.map((row) => all.userId[buyers[row]!]!),
    expectedRevenue: pick(expected, rows),
    representatives,
  };
}

/**
 * All that is said of the shop follows from the published numbers of everybody and from the features of a few, drawn by id or by those numbers:
 * so it is the same to the last digit whoever was scored just now.
 * @param everybody their features where they are at hand
 */
export async function shopFigures(
  client: pg.ClientBase,
  all: Standings,
  models: Champions,
  options: TrainingOptions,
  everybody: Populations | undefined,
): Promise<ShopFigures> {
  const buyers = buyersAmong(all);
  const watched = drawCustomers(all.userId);
  const sample = models.ltv && sampleRevenue(all, buyers);
  const wanted = Int32Array.from(new Set([...watched, ...(sample?.userIds ?? [])])).sort();
  const populations = everybody ?? (await readPopulations(client, options.asOf, { userIds: wanted }));
  const watchedOnes = pickPopulations(populations, watched);
  const drift: Partial<Record<Question, FeatureDrift[]>> = {};
  for (const kind of ['purchase', 'churn', 'first_purchase'] as const) {
    const model = models[kind]?.model;
    if (model) drift[kind] = driftOf(model, watchedOnes);
  }
  return {
    buyers: buyers.length,
    visitors: all.userId.length - buyers.length,
    said: saidOfAll(all, buyers, models, options),
    drift,
    revenue:
      models.ltv &&
      sample &&
      revenueTotal(
        models.ltv.model,
        sample.representatives,
        sample.expectedRevenue,
        snapshotOf(pickPopulations(populations, sample.userIds).buyers),
        options.ltvHorizonDays,
      ),
  };
}
