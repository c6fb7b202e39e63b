import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import { copyColumns } from '../database/copy-binary.ts';
import * as queries from './queries.ts';
import type { Champions } from './registry.ts';
import type { PromotedSegmentation } from './segmentation.ts';
import type { Missing } from './status.ts';
import { settingsOf, type TrainingOptions } from './train.ts';
import { type ModelKind, modelKinds } from './trained-model.ts';

/** What one customer's scores follow from, beside the customer's own days; kept in the parameters of the run. */
interface Grounds {
  readonly settings: ReturnType<typeof settingsOf>;
  readonly segmentation: number | null;
  /** Registry runs by kind. */
  readonly models: Readonly<Record<string, number>>;
  /** What each row says is missing; of a first purchase no row speaks where it is. */
  readonly missing: Readonly<Record<string, readonly Missing[]>>;
}

/** The published rows, as one snapshot of the database sees them. */
export interface LastScoring {
  /** `undefined` where nothing was ever published. */
  readonly modelRunId: number | undefined;
  readonly asOf: Date | undefined;
  readonly codeVersion: string | undefined;
  readonly grounds: Partial<Grounds>;
  readonly buyers: number;
  /** Notes of whose rows may be out of date, to be consumed by the scoring that saw them: one entry each. */
  readonly notes: { readonly ids: Float64Array; readonly userIds: Float64Array };
  /** Whom they name, ascending; `undefined` for everybody. */
  readonly changed: Int32Array | undefined;
}

export async function readLastScoring(client: pg.ClientBase): Promise<LastScoring> {
  const run = (await client.query(queries.LAST_SCORING)).rows[0];
  const [ids, userIds] = (await copyColumns(client, queries.READ_NOTES, 2)) as [Float64Array, Float64Array];
  return {
    modelRunId: run?.model_run_id,
    asOf: run?.as_of,
    codeVersion: run?.code_version,
    grounds: { models: run?.parameters.models, ...run?.parameters.grounds },
    buyers: run?.customers ?? 0,
    notes: { ids, userIds },
    changed: userIds.includes(0) ? undefined : Int32Array.from(new Set(userIds)).sort(),
  };
}

/** The runs in use; `undefined` where one of them is not recorded yet. */
function recordedModels(models: Champions): Record<string, number> | undefined {
  const ids = modelKinds.flatMap((kind): [ModelKind, number | undefined][] =>
    models[kind] ? [[kind, models[kind].modelRunId]] : [],
  );
  return ids.every(([, id]) => id !== undefined)
    ? (Object.fromEntries(ids) as Record<string, number>)
    : undefined;
}

/** Beyond this share of the buyers little is saved by leaving rows alone, and looking up each customer costs more than reading all. */
const MAX_CHANGED_SHARE = 0.5;

/**
 * Who has to be scored again for rows as a scoring of everybody would leave them; `undefined` for everybody. Knows nothing yet of what the
 * models in use will be.
 */
export function changedSince(
  last: LastScoring,
  { asOf, codeVersion, ...options }: TrainingOptions,
  segmentation: PromotedSegmentation,
): Int32Array | undefined {
  const same =
    last.asOf?.getTime() === asOf.getTime() &&
    last.codeVersion === codeVersion &&
    last.grounds.segmentation === segmentation.modelRunId &&
    isDeepStrictEqual(last.grounds.settings, settingsOf({ asOf, codeVersion, ...options }));
  if (!same || !last.changed || last.changed.length > MAX_CHANGED_SHARE * last.buyers) return undefined;
  return last.changed;
}

/** Whether rows by these models stand beside those of the last scoring. */
export function standsOn(
  { grounds }: LastScoring,
  models: Champions,
  missing: Readonly<Record<string, readonly Missing[]>>,
): boolean {
  return (
    isDeepStrictEqual(grounds.models, recordedModels(models)) && isDeepStrictEqual(grounds.missing, missing)
  );
}
