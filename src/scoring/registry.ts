import type pg from 'pg';
import { AppError } from '../errors.ts';
import type { Contest } from './contest.ts';
import { type LifetimeValueModel, lifetimeValueModelFromJSON } from './lifetime-value-model.ts';
import { type ProbabilityModel, probabilityModelFromJSON } from './probability-model.ts';
import * as queries from './queries.ts';
import { daysBefore } from './snapshot.ts';
import { type ModelKind, modelKinds, type TrainedModel } from './trained-model.ts';

/** Which model answers which kind of question. */
export interface ModelOfKind {
  purchase: ProbabilityModel;
  churn: ProbabilityModel;
  first_purchase: ProbabilityModel;
  ltv: LifetimeValueModel;
}

/** A model of the registry, or one that is about to be recorded there. */
export interface RegisteredModel<Model> {
  /** `undefined` until it is recorded. */
  readonly modelRunId: number | undefined;
  readonly asOf: Date;
  /** When a model of this kind was trained last, also one that was not promoted. */
  readonly lastTrained: Date;
  readonly customers: number;
  readonly algorithm: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly evaluation: Readonly<Record<string, unknown>>;
  readonly model: Model;
}

export type Champions = { readonly [Kind in ModelKind]?: RegisteredModel<ModelOfKind[Kind]> };

const restore = {
  purchase: probabilityModelFromJSON,
  churn: probabilityModelFromJSON,
  first_purchase: probabilityModelFromJSON,
  ltv: lifetimeValueModelFromJSON,
};

/** `undefined` for what another version of the program stored in another form: such a model is as good as none, and is trained anew. */
function readable<Model>(read: (json: unknown) => Model, json: unknown): Model | undefined {
  try {
    return read(json);
  } catch (error) {
    if (error instanceof AppError && error.code !== 'MODEL_BAD_INPUT') throw error;
    return undefined;
  }
}

/** The promoted models that knew nothing of what came after `asOf`. */
export async function readChampions(client: pg.ClientBase, asOf: Date): Promise<Champions> {
  const champions: Record<string, unknown> = {};
  for (const kind of modelKinds) {
    const row = (await client.query(queries.CHAMPION, [kind, asOf])).rows[0];
    const model = row && readable<unknown>(restore[kind], row.model);
    if (!model) continue;
    champions[kind] = {
      modelRunId: row.model_run_id,
      asOf: row.as_of,
      lastTrained: row.last_trained,
      customers: row.customers,
      algorithm: row.algorithm,
      parameters: row.parameters,
      evaluation: row.evaluation,
      model,
    };
  }
  return champions;
}

/** What one training leaves behind: also where it lost the contest. */
export interface TrainingRun<Kind extends ModelKind = ModelKind> {
  readonly kind: Kind;
  readonly trained: TrainedModel<ModelOfKind[Kind]>;
  readonly contest: Contest;
  readonly durationSeconds: number;
}

/** Records a training and, where it won, makes it the champion of its kind. @returns model_run_id */
export async function recordTraining(
  client: pg.ClientBase,
  codeVersion: string,
  { kind, trained, contest, durationSeconds }: TrainingRun,
): Promise<number> {
  const { model, algorithm, parameters, evaluation, asOf, customers, historyDays } = trained;
  const { rows } = await client.query(queries.RECORD_TRAINING, [
    kind,
    asOf,
    codeVersion,
    JSON.stringify({ ...parameters, contest }),
    JSON.stringify(evaluation),
    algorithm,
    JSON.stringify(model),
    daysBefore(asOf, historyDays + 1),
    customers,
    durationSeconds,
  ]);
  const modelRunId: number = rows[0].model_run_id;
  if (contest.promoted) await client.query(queries.PROMOTE_MODEL, [modelRunId]);
  return modelRunId;
}
