import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import { type Champions, type ModelOfKind, type RegisteredModel, readChampions } from './registry.ts';
import { daysBefore } from './snapshot.ts';
import type { Missing } from './status.ts';
import { settingsOf, type TrainingOptions, type TrainingResult, trainModels } from './train.ts';
import { type ModelKind, modelKinds } from './trained-model.ts';
import type { View } from './view.ts';

/** Customers came to light that a model did not know of, or went: beyond this share it was trained on another shop. */
const MAX_CHANGE_OF_PAST = 0.1;

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

export interface ModelsInUse {
  readonly models: Champions;
  /** Why there is none, by kind. */
  readonly missing: Readonly<Record<ModelKind, readonly Missing[]>>;
  /** What had to be trained first. */
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

/** The promoted models, of which those that are missing, too old or of another shop are trained first. */
export async function modelsInUse(
  client: pg.ClientBase,
  view: View,
  options: TrainingOptions,
): Promise<ModelsInUse> {
  const champions = valid(await readChampions(client, options.asOf), view, options);
  const kinds = kindsToTrain(champions, options);
  const trainings =
    kinds.length > 0
      ? await trainModels(client, kinds, champions, { ...options, onProgress: undefined })
      : [];
  const models = inUse(champions, trainings);
  const missingOf = (kind: ModelKind): readonly Missing[] =>
    models[kind] ? [] : (trainings.find((result) => result.kind === kind)?.missing ?? []);
  const missing = Object.fromEntries(modelKinds.map((kind) => [kind, missingOf(kind)]));
  return { models, missing: missing as Record<ModelKind, readonly Missing[]>, trainings };
}
