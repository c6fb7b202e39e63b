import type pg from 'pg';
import { atCutoffs, type EvaluateOptions, tooFewOutcomes } from './evaluate.ts';
import { History } from './history.ts';
import { segmentationsAt } from './segmentation-candidates.ts';
import {
  describeSegments,
  type JudgedSegment,
  measure,
  readWindow,
  stability,
  type Trial,
  tryOut,
} from './segmentation-trial.ts';
import { daysBefore } from './snapshot.ts';
import type { Metrics } from './status.ts';

export interface SegmentsEvaluation {
  readonly horizonDays: number;
  readonly cutoffs: readonly {
    readonly cutoff: Date;
    readonly customers: number;
    readonly chosen: string;
    readonly models: Readonly<Record<string, Metrics>>;
    readonly segments: Readonly<Record<string, readonly JudgedSegment[]>>;
  }[];
  /** Means over the cut-offs at which all of the last one's could be judged. */
  readonly models: Readonly<Record<string, Metrics>>;
  /** The segmentation in force at the last cut-off. */
  readonly chosen: string;
}

interface Judged {
  readonly trial: Trial;
  readonly metrics: Metrics;
}

interface JudgedCut {
  readonly cutoff: Date;
  readonly chosen: string;
  readonly judged: ReadonlyMap<string, Judged>;
}

async function judgeCut(
  client: pg.ClientBase,
  history: History,
  cutoff: Date,
  options: EvaluateOptions,
): Promise<JudgedCut | undefined> {
  const before = await readWindow(history, daysBefore(cutoff, options.horizonDays), options);
  const after = await readWindow(history, cutoff, options);
  if (!before || !after) return undefined;
  const judged = new Map<string, Judged>();
  for (const candidate of await segmentationsAt(client, after.snapshot)) {
    const trial = tryOut(candidate, before, after);
    judged.set(candidate.name, { trial, metrics: measure(trial) });
  }
  return { cutoff, chosen: judged.has('promoted') ? 'promoted' : 'rfm', judged };
}

/** Of each metric over the cut-offs that have it. */
function meanOf(all: readonly Metrics[]): Metrics {
  return Object.fromEntries(
    Object.keys(all[0] ?? {}).map((name) => {
      const values = all.map((metrics) => metrics[name]).filter((value) => typeof value === 'number');
      const total = values.reduce((sumOfThem, value) => sumOfThem + value, 0);
      return [name, values.length > 0 ? total / values.length : null];
    }),
  );
}

function metricsAt(cuts: readonly JudgedCut[], index: number): Record<string, Metrics> {
  const [now, earlier] = [cuts[index] as JudgedCut, cuts[index - 1]];
  return Object.fromEntries(
    [...now.judged].map(([name, { trial, metrics }]) => [
      name,
      { ...metrics, stability: stability(trial, earlier?.judged.get(name)?.trial) },
    ]),
  );
}

/**
 * Judges segmentations at several cut-offs by what came after: each knows only what came before the cut-off, what its segments do is learned
 * in the window before it and said of the window after it. @throws SCORING_NO_DATA, VALIDATION for a cut-off whose window has not ended
 */
export function evaluateSegments(mlPool: pg.Pool, options: EvaluateOptions): Promise<SegmentsEvaluation> {
  return atCutoffs(mlPool, options, async (client, cutoffs) => {
    const history = new History(client);
    const cuts: JudgedCut[] = [];
    for (const cutoff of cutoffs) {
      const judged = await judgeCut(client, history, cutoff, options);
      if (!judged) break;
      cuts.unshift(judged);
    }
    const newest = cuts.at(-1);
    if (!newest) throw tooFewOutcomes(cutoffs[0], options);
    const metrics = cuts.map((_, index) => metricsAt(cuts, index));
    const names = [...newest.judged.keys()];
    const complete = metrics.filter((models) => names.every((name) => models[name]));
    return {
      horizonDays: options.horizonDays,
      cutoffs: cuts.map(({ cutoff, chosen, judged }, index) => ({
        cutoff,
        customers: judged.get(chosen)!.trial.segments.length,
        chosen,
        models: metrics[index] as Record<string, Metrics>,
        segments: Object.fromEntries([...judged].map(([name, { trial }]) => [name, describeSegments(trial)])),
      })),
      models: Object.fromEntries(
        names.map((name) => [name, meanOf(complete.map((models) => models[name]!))]),
      ),
      chosen: newest.chosen,
    };
  });
}
