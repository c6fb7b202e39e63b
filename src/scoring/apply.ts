import type { PurchaseModel } from '../models/purchase-model.ts';
import { type Populations, snapshotOf } from './features.ts';
import type { ModelsInUse } from './models-in-use.ts';
import type { ProbabilityModel } from './probability-model.ts';
import { DAYS_PER_WEEK } from './purchase-model.ts';
import type { RegisteredModel } from './registry.ts';
import { revenueOutlook } from './revenue-outlook.ts';
import type { Answers, Scores } from './score-rows.ts';
import type { Snapshot } from './snapshot.ts';
import type { Missing } from './status.ts';
import { settingsOf, type TrainingOptions } from './train.ts';

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

/** Asks the models about some customers: what they say of one does not depend on who else is asked about. */
export function applyModels(
  populations: Populations,
  { models, missing }: ModelsInUse,
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
