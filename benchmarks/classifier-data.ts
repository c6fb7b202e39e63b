import type pg from 'pg';
import { inSnapshot } from '../src/database/pool.ts';
import type { LabelledRows } from '../src/models/classification/classifier.ts';
import { parseAsOf } from '../src/scoring/as-of.ts';
import { stackMatrices } from '../src/scoring/design-matrix.ts';
import { Forecaster } from '../src/scoring/forecast.ts';
import { History } from '../src/scoring/history.ts';
import { chosenForecast } from '../src/scoring/outcome-model.ts';
import { daysBefore } from '../src/scoring/snapshot.ts';

/** One question at one cut-off: what our classifiers learnt from and were tested on, and what they said. */
export interface ClassifierTask {
  readonly title: string;
  /** Learnt from: the newest cut-off, and those before it, of which there may be none. */
  readonly newest: LabelledRows;
  readonly older: LabelledRows;
  readonly test: LabelledRows;
  /** Probabilities of the test rows, by candidate. */
  readonly ours: ReadonlyMap<string, Float64Array>;
  /** The candidate that is served there. */
  readonly chosen: string;
}

function stacked(cuts: readonly LabelledRows[], like: LabelledRows): LabelledRows {
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
  const known = await forecaster.outcomeAt(moment);
  const forecast = await chosenForecast(forecaster, moment);
  if (!known || !forecast) return undefined;
  const { sight, fit, probabilities } = forecast.forecasts;
  const [newest, ...older] = fit;
  if (!newest) return undefined;
  return {
    title: `${day}, ${forecaster.question.horizonDays} days`,
    newest,
    older: stacked(older, newest),
    test: { matrix: sight.matrix, outcome: known.outcome },
    ours: probabilities,
    chosen: forecast.chosen.name,
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
