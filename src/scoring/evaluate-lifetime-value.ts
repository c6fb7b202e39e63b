import type pg from 'pg';
import { AppError } from '../errors.ts';
import type { PurchaseModel } from '../models/purchase-model.ts';
import { purchaseModels } from '../models/purchase-models.ts';
import type { AmountBin } from '../models/regression-metrics.ts';
import { atCutoffs, type EvaluateOptions } from './evaluate.ts';
import { History } from './history.ts';
import { fitOrNothing, historiesOf } from './purchase-model.ts';
import type { Snapshot } from './snapshot.ts';
import type { Metrics } from './status.ts';
import { type JudgedRevenue, judgeLifetimeValue } from './train-lifetime-value.ts';

export interface LifetimeValueEvaluation {
  readonly horizonDays: number;
  readonly cutoffs: readonly (JudgedRevenue & { readonly chosen: string })[];
  /** This and what follows: at the last cut-off. */
  readonly models: Readonly<Record<string, Metrics>>;
  readonly deciles: Readonly<Record<string, readonly AmountBin[]>>;
  readonly chosen: string;
  /** Of the chosen purchase model, in weeks. */
  readonly parameters: Readonly<Record<string, number>>;
  readonly logLikelihood: number;
}

/** Two log-likelihoods that differ by less are one: with four parameters each, AIC differs by twice that (Burnham & Anderson 2002). */
const SAME_LOG_LIKELIHOOD = 1;

function fitAll(snapshot: Snapshot): Map<string, PurchaseModel> {
  const data = historiesOf(snapshot);
  return new Map(
    purchaseModels.flatMap(({ model, fit: learn }) => {
      const fitted = fitOrNothing(() => learn(data));
      return fitted ? [[model, fitted] as const] : [];
    }),
  );
}

/** Of models with the same number of parameters the likeliest; the simplest of those that are as good. */
function choose(models: ReadonlyMap<string, PurchaseModel>): PurchaseModel | undefined {
  const best = Math.max(...[...models.values()].map((model) => model.diagnostics.logLikelihood));
  return [...models.values()].find((model) => model.diagnostics.logLikelihood >= best - SAME_LOG_LIKELIHOOD);
}

/** Judges the revenue forecasts at several cut-offs. @throws SCORING_NO_DATA, VALIDATION */
export function evaluateLifetimeValue(
  mlPool: pg.Pool,
  options: EvaluateOptions,
): Promise<LifetimeValueEvaluation> {
  return atCutoffs(mlPool, options, async (client, cutoffs) => {
    const history = new History(client);
    const cuts: (JudgedRevenue & { chosen: string })[] = [];
    let chosen: PurchaseModel | undefined;
    for (const cutoff of cutoffs.toReversed()) {
      const judged = await judgeLifetimeValue(history, cutoff, options.horizonDays, (snapshot) => {
        const models = fitAll(snapshot);
        chosen = choose(models);
        return models;
      });
      if (chosen && Object.keys(judged.models).length > 1) cuts.push({ ...judged, chosen: chosen.model });
    }
    const newest = cuts.at(-1);
    if (!newest || !chosen) {
      throw new AppError(
        'SCORING_NO_DATA',
        `too few customers bought twice before ${cutoffs[0].toISOString()} to fit a model`,
        { hint: 'Import more history, or choose a later cut-off.' },
      );
    }
    const { models, deciles } = newest;
    const { parameters, diagnostics } = chosen;
    return {
      horizonDays: options.horizonDays,
      cutoffs: cuts,
      models,
      deciles,
      chosen: chosen.model,
      parameters,
      logLikelihood: diagnostics.logLikelihood,
    };
  });
}
