import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import type { PurchaseModel } from '../models/purchase-model.ts';
import { type Populations, readPopulations, snapshotOf } from './features.ts';
import { changedSince, type LastScoring, readLastScoring, standsOn } from './last-scoring.ts';
import type { ProbabilityModel } from './probability-model.ts';
import { DAYS_PER_WEEK } from './purchase-model.ts';
import { type Champions, type ModelOfKind, type RegisteredModel, readChampions } from './registry.ts';
import { revenueOutlook } from './revenue-outlook.ts';
import { type Answers, buyersStandings, type Scores, visitorsStandings } from './score-rows.ts';
import { type PromotedSegmentation, promotedSegmentation } from './segmentation.ts';
import { type ShopFigures, shopFigures } from './shop-figures.ts';
import { daysBefore, type Snapshot } from './snapshot.ts';
import {
  buyersAmong,
  mergeStandings,
  nobody,
  pick,
  placesOf,
  readUntouched,
  type Standings,
} from './standings.ts';
import type { Missing } from './status.ts';
import {
  checkPurchases,
  settingsOf,
  type TrainingOptions,
  type TrainingResult,
  trainModels,
} from './train.ts';
import { type ModelKind, modelKinds } from './trained-model.ts';

/** Customers came to light that a model did not know of, or went: beyond this share it was trained on another shop. */
const MAX_CHANGE_OF_PAST = 0.1;

/** Reading, training, applying, publishing. */
export const STEPS = 4;

/** Whom a scoring looks at, beside the rows that it leaves alone. */
interface View {
  /** `undefined` for everybody. */
  readonly changed: Int32Array | undefined;
  readonly populations: Populations;
  readonly untouched: Standings;
}

async function readView(client: pg.ClientBase, asOf: Date, changed: Int32Array | undefined): Promise<View> {
  const populations = await readPopulations(client, asOf, { userIds: changed });
  return { changed, populations, untouched: changed ? await readUntouched(client) : nobody };
}

/** How many buyers there were at a moment before, as far as is known now. */
function buyersAt({ populations, untouched }: View, asOf: Date, moment: Date): number {
  const age = Math.round((asOf.getTime() - moment.getTime()) / 86_400_000);
  const known = [populations.buyers.column('t_days'), untouched.sinceFirstPurchase];
  return known.reduce((sum, days) => sum + days.reduce((count, t) => count + (t >= age ? 1 : 0), 0), 0);
}

/**
 * Champions that still speak of this shop: trained for these settings, on a past that looks as it does now. An import of history, say, makes
 * it another shop.
 */
function valid(champions: Champions, view: View, options: TrainingOptions): Champions {
  const settings = settingsOf(options);
  const kept = modelKinds.filter((kind) => {
    const champion = champions[kind];
    if (!champion || !isDeepStrictEqual(champion.parameters['settings'], settings[kind])) return false;
    // Visitors grow fewer as they buy: their number says nothing of the past.
    if (kind === 'first_purchase') return true;
    const change = Math.abs(buyersAt(view, options.asOf, champion.asOf) - champion.customers);
    return change <= MAX_CHANGE_OF_PAST * champion.customers;
  });
  return Object.fromEntries(kept.map((kind) => [kind, champions[kind]]));
}

/** Kinds without a model, and those whose last training is longer ago than a purchase horizon. */
function kindsToTrain(champions: Champions, { asOf, purchaseHorizonDays }: TrainingOptions): ModelKind[] {
  const oldest = daysBefore(asOf, purchaseHorizonDays);
  return modelKinds.filter((kind) => !champions[kind] || champions[kind].lastTrained < oldest);
}

/** The champions, where a training took their place its model; none where the data do not carry one any more. */
function inUse(champions: Champions, results: readonly TrainingResult[]): Champions {
  const models: Record<string, RegisteredModel<ModelOfKind[ModelKind]> | undefined> = { ...champions };
  for (const { kind, run } of results) {
    if (!run) models[kind] = undefined;
    else if (run.contest.promoted) {
      const { contest, trained } = run;
      const parameters = { ...trained.parameters, contest };
      models[kind] = { ...trained, parameters, lastTrained: trained.asOf, modelRunId: undefined };
    }
  }
  return models as Champions;
}

function answer(
  registered: RegisteredModel<ProbabilityModel> | undefined,
  populations: Populations,
  missing: readonly Missing[],
): Answers {
  if (!registered) {
    return { missing, probabilities: new Float64Array(0), sight: undefined, strongest: undefined };
  }
  const { candidate, sightOf } = registered.model;
  const sight = sightOf(populations);
  const withReasons = candidate.predictWithReasons?.(sight);
  return {
    missing: [],
    probabilities: withReasons?.probabilities ?? candidate.predict(sight),
    sight,
    strongest: withReasons?.strongest,
  };
}

function probabilitiesAlive(
  purchases: PurchaseModel | undefined,
  { size, frequency, recencyDays, tDays }: Snapshot,
): Float64Array | undefined {
  if (!purchases) return undefined;
  return Float64Array.from({ length: size }, (_, i) =>
    purchases.probabilityAlive(frequency[i]!, recencyDays[i]! / DAYS_PER_WEEK, tDays[i]! / DAYS_PER_WEEK),
  );
}

function scoresOf(
  populations: Populations,
  models: Champions,
  missing: Readonly<Record<ModelKind, readonly Missing[]>>,
  options: TrainingOptions,
): Scores {
  const snapshot = snapshotOf(populations.buyers);
  return {
    snapshot,
    alive: probabilitiesAlive(models.ltv?.model.purchases ?? models.purchase?.model.purchaseModel, snapshot),
    ltv: {
      missing: missing.ltv,
      forecast: models.ltv && {
        ...models.ltv.model.forecast(snapshot, options.ltvHorizonDays),
        ...revenueOutlook(models.ltv.model, snapshot, settingsOf(options).ltv),
      },
    },
    purchase: answer(models.purchase, populations, missing.purchase),
    churn: answer(models.churn, populations, missing.churn),
    firstPurchase: answer(models.first_purchase, populations, missing.first_purchase),
  };
}

/** Everybody's numbers with the segments that follow from them: by each buyer's own, or by the place among all. */
function inSegments(all: Standings, segmentation: PromotedSegmentation): Standings {
  if (!segmentation.assignAmong) return all;
  const rows = buyersAmong(all);
  const assigned = segmentation.assignAmong({
    recencyDays: pick(all.sinceLastPurchase, rows),
    frequency: pick(all.orders, rows),
    monetary: pick(all.historicRevenue, rows),
  });
  const segmentId = new Float64Array(all.userId.length).fill(Number.NaN);
  rows.forEach((row, i) => {
    segmentId[row] = assigned[i]!;
  });
  return { ...all, segmentId };
}

/** Whose rows are left alone, and whose segment is another one now. */
function movedAmong(untouched: Standings, all: Standings) {
  const places = placesOf(untouched.userId, all.userId);
  const rows = Array.from(places.keys()).filter(
    (row) => !Object.is(untouched.segmentId[row], all.segmentId[places[row]!]),
  );
  return {
    userIds: rows.map((row) => untouched.userId[row]!),
    segmentIds: rows.map((row) => all.segmentId[places[row]!]!),
  };
}

export interface Applied {
  readonly last: LastScoring;
  readonly changed: Int32Array | undefined;
  readonly scores: Scores;
  /** Of the customers that were looked at. */
  readonly standings: { readonly buyers: Standings; readonly visitors: Standings };
  readonly moved: ReturnType<typeof movedAmong>;
  readonly figures: ShopFigures;
  readonly segmentation: PromotedSegmentation;
  readonly latestPurchase: Date;
  readonly models: Champions;
  readonly missing: Readonly<Record<ModelKind, readonly Missing[]>>;
  readonly trainings: readonly TrainingResult[];
}

/** What the rows of buyers say of missing models; visitors have no row where theirs is. */
export function missingInRows({
  ltv,
  purchase,
  churn,
}: Readonly<Record<ModelKind, readonly Missing[]>>): Record<string, readonly Missing[]> {
  return { ltv, purchase, churn };
}

/** Everything up to publication, on one snapshot of the database, as ml_user. */
export async function readAndApply(client: pg.ClientBase, options: TrainingOptions): Promise<Applied> {
  let step = 0;
  const advance = (): void => options.onProgress?.(++step, STEPS);
  const { asOf } = options;
  const latestPurchase = await checkPurchases(client, asOf);
  const last = await readLastScoring(client);
  const segmentation = await promotedSegmentation(client, asOf);
  let view = await readView(client, asOf, changedSince(last, options, segmentation));
  advance();
  const champions = valid(await readChampions(client, asOf), view, options);
  const kinds = kindsToTrain(champions, options);
  const trainings =
    kinds.length > 0
      ? await trainModels(client, kinds, champions, { ...options, onProgress: undefined })
      : [];
  advance();
  const models = inUse(champions, trainings);
  const missing = Object.fromEntries(
    modelKinds.map((kind) => [
      kind,
      models[kind] ? [] : (trainings.find((result) => result.kind === kind)?.missing ?? []),
    ]),
  ) as Record<ModelKind, readonly Missing[]>;
  if (view.changed && !standsOn(last, models, missingInRows(missing)))
    view = await readView(client, asOf, undefined);
  const scores = scoresOf(view.populations, models, missing, options);
  const found = buyersStandings(scores);
  const buyers = segmentation.assignAmong
    ? found
    : { ...found, segmentId: Float64Array.from(segmentation.assign(scores.snapshot)) };
  const visitors = visitorsStandings(scores);
  const all = inSegments(mergeStandings(mergeStandings(buyers, visitors), view.untouched), segmentation);
  const figures = await shopFigures(
    client,
    all,
    models,
    options,
    view.changed ? undefined : view.populations,
  );
  advance();
  return {
    last,
    changed: view.changed,
    scores,
    standings: {
      buyers: { ...buyers, segmentId: pick(all.segmentId, placesOf(buyers.userId, all.userId)) },
      visitors,
    },
    moved: movedAmong(view.untouched, all),
    figures,
    segmentation,
    latestPurchase,
    models,
    missing,
    trainings,
  };
}
