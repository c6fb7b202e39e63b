import type { PurchaseModel } from '../models/purchase-model.ts';
import { type Populations, snapshotOf } from './features.ts';
import type { ModelsInUse } from './models-in-use.ts';
import type { ProbabilityModel } from './probability-model.ts';
import { DAYS_PER_WEEK } from './purchase-model.ts';
import type { RegisteredModel } from './registry.ts';
import { revenueOutlooks } from './revenue-outlook.ts';
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
export function applicationOf(
  { models, missing }: ModelsInUse,
  options: TrainingOptions,
): (populations: Populations) => Scores {
  const { ltv, purchase, churn, first_purchase: firstPurchase } = models;
  const outlookOf = ltv && revenueOutlooks(ltv.model, settingsOf(options).ltv);
  const purchases = ltv?.model.purchases ?? purchase?.model.purchaseModel;
  return (populations) => {
    const snapshot = snapshotOf(populations.buyers);
    return {
      snapshot,
      alive: probabilitiesAlive(purchases, snapshot),
      ltv: {
        missing: missing.ltv,
        forecast: ltv &&
          outlookOf && { ...ltv.model.forecast(snapshot, options.ltvHorizonDays), ...outlookOf(snapshot) },
      },
      purchase: answer(purchase, populations, missing.purchase),
      churn: answer(churn, populations, missing.churn),
      firstPurchase: answer(firstPurchase, populations, missing.first_purchase),
    };
  };
}
