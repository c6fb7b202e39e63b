import type pg from 'pg';
import { queryRows } from '../database/query-rows.ts';
import { AppError } from '../errors.ts';
import * as queries from './queries.ts';

/** One run of the registry. */
export interface ModelRow {
  model_run_id: number;
  kind: string;
  algorithm: string | null;
  status: string;
  as_of: Date;
  finished_at: Date;
  data_from: Date | null;
  customers: number | null;
  duration_seconds: number | null;
  code_version: string;
}

export interface ModelRunRow extends ModelRow {
  parameters: Record<string, unknown>;
  evaluation: Record<string, unknown>;
  model: Record<string, unknown> | null;
}

/** What a scoring said of all customers together, and what came. Shares from 0 to 1. */
export interface RealisedOutcome {
  model_run_id: number;
  as_of: Date;
  question: string;
  horizon_days: number;
  customers: number;
  said: number;
  came: number;
  standard_error: number;
}

export function listModels(pool: pg.Pool, kind: string | undefined, limit: number): Promise<ModelRow[]> {
  return queryRows(pool, queries.LIST_MODELS, [kind ?? null, limit]);
}

/** @throws NOT_FOUND */
export async function getModelRun(pool: pg.Pool, modelRunId: number): Promise<ModelRunRow> {
  const [run] = await queryRows<ModelRunRow>(pool, queries.GET_MODEL_RUN, [modelRunId]);
  if (run) return run;
  throw new AppError('NOT_FOUND', `there is no run ${modelRunId}`, {
    details: { modelRunId },
    hint: 'customer-analyzer models list shows the runs.',
  });
}

/** Of the scorings whose horizon has passed by `until`, newest first. */
export function realisedOutcomes(pool: pg.Pool, until: Date): Promise<RealisedOutcome[]> {
  return queryRows(pool, queries.GET_REALISED_OUTCOMES, [until]);
}

/** Makes a run the champion of its kind. @returns the kind @throws VALIDATION for a run that is no model */
export async function promoteModel(pool: pg.Pool, modelRunId: number): Promise<string> {
  const [row] = await queryRows<{ kind: string }>(pool, queries.PROMOTE_MODEL, [modelRunId]);
  return row!.kind;
}
