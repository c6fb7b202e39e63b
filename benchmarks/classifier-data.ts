import type pg from 'pg';
import { inSnapshot } from '../src/database/pool.ts';
import type { LabelledRows } from '../src/models/classification/classifier.ts';
import { stackMatrices } from '../src/scoring/design-matrix.ts';
import { type Cut, Forecaster } from '../src/scoring/forecast.ts';
import { History } from '../src/scoring/history.ts';
import { chosenForecast } from '../src/scoring/outcome-model.ts';
import { parseAsOf } from '../src/scoring/score.ts';
import { daysBefore } from '../src/scoring/snapshot.ts';

/** One question at one cut-off: what our classifiers were fitted, calibrated and tested on, and what they said. */
export interface ClassifierTask {
  readonly title: string;
  /** Fitted on: the newest cut-off, and those before it, of which there may be none. */
  readonly newest: LabelledRows;
  readonly older: LabelledRows;
  readonly calibration: LabelledRows;
  readonly test: LabelledRows;
  /** Calibrated probabilities of the test rows, by candidate. */
  readonly ours: ReadonlyMap<string, Float64Array>;
  /** The candidate that is served there. */
  readonly chosen: string;
}

function stacked(cuts: readonly Cut[], like: Cut): LabelledRows {
  if (cuts.length === 0) {
    const none = { ...like.matrix, rows: 0, columns: like.matrix.columns.map(() => new Float64Array(0)) };
    return { matrix: none, outcome: new Uint8Array(0) };
  }
  return {
    matrix: stackMatrices(cuts.map(({ matrix }) => matrix)),
    outcome: Uint8Array.from(cuts.flatMap(({ outcome }) => [...outcome])),
  };
}

async function taskAt(
  forecaster: Forecaster,
  day: string,
  moment: Date,
): Promise<ClassifierTask | undefined> {
  const { horizonDays } = forecaster.question;
  const test = await forecaster.cutAt(moment);
  const forecast = await chosenForecast(forecaster, moment);
  if (!test || !forecast) return undefined;
  const { calibration, fittedAt, probabilities } = forecast.forecasts;
  const cuts = await Promise.all(fittedAt.map((date) => forecaster.cutAt(date)));
  const [newest, ...older] = cuts.filter((cut) => cut !== undefined);
  if (!calibration || !newest) return undefined;
  return {
    title: `${day}, ${horizonDays} days`,
    newest,
    older: stacked(older, newest),
    calibration,
    test,
    ours: probabilities,
    chosen: forecast.chosen,
  };
}

/** Every task that history allows, through the product's own pipeline. */
export async function readTasks(
  mlPool: pg.Pool,
  days: readonly string[],
  horizons: readonly number[],
): Promise<ClassifierTask[]> {
  const moments = await Promise.all(days.map((day) => parseAsOf(mlPool, day)));
  const { last } = (await mlPool.query('SELECT max(event_timestamp) AS last FROM app_schema.events')).rows[0];
  return inSnapshot(mlPool, async (client) => {
    const history = new History(client);
    const tasks: ClassifierTask[] = [];
    for (const horizonDays of horizons) {
      const forecaster = new Forecaster(history, { population: 'buyers', horizonDays, minOutcomes: 100 });
      for (const [i, moment] of moments.entries()) {
        // Windows that end after the last day have not been seen whole.
        const seen = daysBefore(moment, -horizonDays).getTime() <= last.getTime() + 86_400_000;
        const task = seen ? await taskAt(forecaster, days[i]!, moment) : undefined;
        if (task) tasks.push(task);
      }
    }
    return tasks;
  });
}
