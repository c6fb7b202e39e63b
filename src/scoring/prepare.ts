import type pg from 'pg';
import { changedSince, type LastScoring, readLastScoring, standsOn } from './last-scoring.ts';
import { type ModelsInUse, missingInRows, modelsInUse } from './models-in-use.ts';
import { type PromotedSegmentation, promotedSegmentation } from './segmentation.ts';
import { checkPurchases, type TrainingOptions } from './train.ts';
import { readView, type View } from './view.ts';

/** All that a scoring knows before it asks the models, of one snapshot of the database. */
export interface Prepared {
  readonly last: LastScoring;
  readonly latestPurchase: Date;
  readonly segmentation: PromotedSegmentation;
  readonly view: View;
  readonly inUse: ModelsInUse;
}

/** @param advance called after reading and after training */
export async function prepare(
  client: pg.ClientBase,
  options: TrainingOptions,
  advance: () => void,
): Promise<Prepared> {
  const { asOf } = options;
  const latestPurchase = await checkPurchases(client, asOf);
  const last = await readLastScoring(client);
  const segmentation = await promotedSegmentation(client, asOf);
  let view = await readView(client, asOf, changedSince(last, options, segmentation));
  advance();
  const inUse = await modelsInUse(client, view, options);
  if (view.changed && !standsOn(last, inUse.models, missingInRows(inUse.missing)))
    view = await readView(client, asOf, undefined);
  advance();
  return { last, latestPurchase, segmentation, view, inUse };
}
