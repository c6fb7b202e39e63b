import type { Missing } from './status.ts';

export const modelKinds = ['purchase', 'churn', 'first_purchase', 'ltv'] as const;
export type ModelKind = (typeof modelKinds)[number];

/** What a training found: a model with its history and its backtest, or what it would have needed. */
export type Training<Model> =
  | { readonly missing: readonly Missing[]; readonly trained?: undefined }
  | { readonly missing: readonly []; readonly trained: TrainedModel<Model> };

export interface TrainedModel<Model> {
  readonly model: Model;
  /** The name of what was chosen, such as logistic or bg-nbd. */
  readonly algorithm: string;
  /** How it came about. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** How all candidates did at one earlier cut-off, beside a naive forecast. */
  readonly evaluation: Readonly<Record<string, unknown>>;
  readonly asOf: Date;
  /** Customers known as of then, and the days since the first event of any of them. */
  readonly customers: number;
  readonly historyDays: number;
}
