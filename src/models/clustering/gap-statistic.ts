import { Random } from '../random.ts';
import { bestOfRestarts } from './k-means.ts';
import type { Points } from './points.ts';

/** Reference sets of Tibshirani et al.; ten put the simulation error well below the differences that decide. */
const referenceSets = 10;
/** For data and references alike: more seedings for the one would pass for structure. */
const restarts = 3;

export interface GapScore {
  readonly clusters: number;
  /** Mean logarithm of the references' inertia minus that of the data. */
  readonly gap: number;
  /** Standard deviation over the references, times sqrt(1 + 1 / references). */
  readonly standardError: number;
}

/** Points spread evenly over the box that holds the data: the paper's reference distribution (a). */
function uniformLike(points: Points, random: Random): Points {
  const { rows, dimensions, values } = points;
  const low = values.slice(0, dimensions);
  const high = values.slice(0, dimensions);
  for (let i = 0; i < values.length; i++) {
    const d = i % dimensions;
    low[d] = Math.min(low[d]!, values[i]!);
    high[d] = Math.max(high[d]!, values[i]!);
  }
  const uniform = values.map((_, i) => {
    const d = i % dimensions;
    return low[d]! + (high[d]! - low[d]!) * random.uniform();
  });
  return { rows, dimensions, values: uniform };
}

/**
 * The gap statistic for 1 … maxClusters clusters (Tibshirani, Walther & Hastie, JRSS B 63(2), 2001). Ends early at a
 * count that leaves no spread within the clusters, whose gap is infinite.
 */
export function gapScores(points: Points, maxClusters: number, seed: number): GapScore[] {
  const references = Array.from({ length: referenceSets }, (_, i) =>
    uniformLike(points, Random.fromSeed(seed, `gap ${i}`)),
  );
  const scores: GapScore[] = [];
  for (let clusters = 1; clusters <= Math.min(maxClusters, points.rows); clusters++) {
    const { inertia } = bestOfRestarts(points, clusters, { seed, restarts });
    if (inertia === 0) {
      scores.push({ clusters, gap: Number.POSITIVE_INFINITY, standardError: 0 });
      break;
    }
    const logs = references.map((reference) =>
      Math.log(bestOfRestarts(reference, clusters, { seed, restarts }).inertia),
    );
    const mean = logs.reduce((sum, value) => sum + value, 0) / referenceSets;
    const variance = logs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / referenceSets;
    const standardError = Math.sqrt(variance * (1 + 1 / referenceSets));
    scores.push({ clusters, gap: mean - Math.log(inertia), standardError });
  }
  return scores;
}

/** The fewest clusters whose gap is at least the next one's less its standard error; the most tried where none is. */
export function fewestByGap(scores: readonly GapScore[]): number {
  const chosen = scores.find(({ gap }, i) => {
    const next = scores[i + 1];
    return next === undefined || gap >= next.gap - next.standardError;
  });
  return chosen?.clusters ?? 1;
}
