import { openStoredModel } from './classification/stored-model.ts';

/** Upper bounds (days since the last purchase, included) of the groups; the last group is open. */
const BOUNDS_DAYS = [7, 30, 60, 90, 180, 365];

export interface FittedRecencyBaseline {
  /** Share with the outcome in each group of recency. */
  readonly rates: readonly number[];
  predict(recencyDays: number): number;
  toJSON(): RecencyBaselineJson;
}

interface RecencyBaselineJson {
  readonly model: 'recency-baseline';
  readonly version: 1;
  readonly parameters: { readonly rates: readonly number[] };
  readonly diagnostics: Record<string, never>;
}

function groupOf(recencyDays: number): number {
  const group = BOUNDS_DAYS.findIndex((bound) => recencyDays <= bound);
  return group === -1 ? BOUNDS_DAYS.length : group;
}

function fitted(rates: readonly number[]): FittedRecencyBaseline {
  Object.freeze(rates);
  return Object.freeze<FittedRecencyBaseline>({
    rates,
    predict: (days) => rates[groupOf(days)] as number,
    toJSON: () => ({ model: 'recency-baseline', version: 1, parameters: { rates }, diagnostics: {} }),
  });
}

/**
 * The naive forecast that a model must beat: of those whose last purchase was as long ago, how many bought in the next window? Rates of
 * small groups are pulled to the overall rate by one pseudo-observation (Laplace).
 * @param recencyDays days since the last purchase, one a customer
 * @param outcome 1 where the customer bought in the window
 */
export function fitRecencyBaseline(recencyDays: Float64Array, outcome: Uint8Array): FittedRecencyBaseline {
  const counts = new Float64Array(BOUNDS_DAYS.length + 1);
  const positives = new Float64Array(BOUNDS_DAYS.length + 1);
  let total = 0;
  for (let i = 0; i < outcome.length; i++) {
    const group = groupOf(recencyDays[i] as number);
    counts[group]! += 1;
    positives[group]! += outcome[i] as number;
    total += outcome[i] as number;
  }
  const overall = outcome.length > 0 ? total / outcome.length : 0.5;
  return fitted(Array.from(counts, (count, group) => ((positives[group] as number) + overall) / (count + 1)));
}

/** Restores a baseline from what `toJSON` wrote. @throws AppError MODEL_BAD_INPUT for anything else. */
export function recencyBaselineFromJSON(json: unknown): FittedRecencyBaseline {
  const stored = openStoredModel(json, 'recency-baseline', 1);
  return fitted([...stored.numbers('rates', { min: 0, max: 1, length: BOUNDS_DAYS.length + 1 })]);
}
