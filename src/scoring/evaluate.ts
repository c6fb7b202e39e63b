import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { inSnapshot } from '../database/pool.ts';
import { AppError } from '../errors.ts';
import * as queries from './queries.ts';
import { daysBefore } from './snapshot.ts';

export interface EvaluateOptions {
  /** The last cut-off; `undefined`: the latest one whose window has ended. */
  cutoff: Date | undefined;
  horizonDays: number;
  /** Rolling origin: so many cut-offs, one horizon apart, where history allows. */
  cutoffs: number;
  minOutcomes: number;
}

/** The moment after the last day with a purchase: what comes later is not known yet. */
async function endOfKnowledge(client: pg.ClientBase): Promise<Date> {
  const { moment } = (await client.query(queries.END_OF_LATEST_PURCHASE)).rows[0];
  if (moment) return moment;
  throw new AppError('SCORING_NO_DATA', 'nobody bought anything', { hint: 'Import purchases first.' });
}

async function lastCutoff(client: pg.ClientBase, options: EvaluateOptions): Promise<Date> {
  const latest = daysBefore(await endOfKnowledge(client), options.horizonDays);
  if (options.cutoff === undefined) return latest;
  if (options.cutoff <= latest) return options.cutoff;
  throw new AppError(
    'VALIDATION',
    `the ${options.horizonDays} days after ${options.cutoff.toISOString()} have not been seen whole`,
    {
      details: { latestCutoff: latest.toISOString() },
      hint: `The latest cut-off that can be judged is ${latest.toISOString()}.`,
    },
  );
}

/**
 * Judges in one snapshot of the database, as ml_user. `cutoffs` are newest first, one horizon apart, the last as late as can be judged or
 * as asked for. @throws SCORING_NO_DATA where nobody bought, VALIDATION for a cut-off whose window has not ended
 */
export function atCutoffs<T>(
  mlPool: pg.Pool,
  options: EvaluateOptions,
  judgeAll: (client: pg.ClientBase, cutoffs: readonly [Date, ...Date[]]) => Promise<T>,
): Promise<T> {
  return inSnapshot(mlPool, async (client) => {
    const last = await lastCutoff(client, options);
    const earlier = Array.from({ length: options.cutoffs - 1 }, (_, i) =>
      daysBefore(last, (i + 1) * options.horizonDays),
    );
    return judgeAll(client, [last, ...earlier]);
  }).catch((error: unknown) => {
    throw databaseError(error);
  });
}

/** Where not even the last cut-off can be judged. */
export function tooFewOutcomes(last: Date, { horizonDays, minOutcomes }: EvaluateOptions): AppError {
  return new AppError(
    'SCORING_NO_DATA',
    `too little happened before ${last.toISOString()} or in the ${horizonDays} days after it`,
    {
      details: { minOutcomes },
      hint: `A cut-off and the one before it each need ${minOutcomes} customers who bought in the window and ${minOutcomes} who did not.`,
    },
  );
}
