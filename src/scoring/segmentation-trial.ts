import { logLoss } from '../models/classification-metrics.ts';
import {
  adjustedRandIndex,
  omegaSquared,
  outOfSampleR2,
  segmentMeans,
} from '../models/segmentation-metrics.ts';
import { snapshotOf } from './features.ts';
import type { History } from './history.ts';
import { clusterQuality, type SegmentDefinition } from './segmentation.ts';
import { oneSegment, type SegmentationCandidate } from './segmentation-candidates.ts';
import { outcomesOf, type Snapshot } from './snapshot.ts';
import type { Metrics } from './status.ts';

/** One segment, and what came after the cut-off of those who were in it. */
export interface JudgedSegment extends SegmentDefinition {
  readonly customers: number;
  readonly share: number;
  /** Who bought in the window before the cut-off, of those who would have been in the segment then; null where nobody would. */
  readonly boughtBefore: number | null;
  readonly bought: number;
  /** Net, per customer. */
  readonly revenue: number;
}

/** The buyers at a moment, and what came of them in the window after it. */
export interface Window {
  readonly snapshot: Snapshot;
  readonly bought: Float64Array;
  readonly revenue: Float64Array;
  /** Logarithm of 1 + revenue: else a few wholesale orders would decide. Who only returned goods brought nothing. */
  readonly logRevenue: Float64Array;
}

/** Two windows in a row, and the segment of each customer at the start of either, by one segmentation that knew the first window only. */
export interface Trial {
  readonly candidate: SegmentationCandidate;
  readonly before: Window;
  readonly after: Window;
  readonly segmentsBefore: ArrayLike<number>;
  readonly segments: ArrayLike<number>;
}

const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);

/** `undefined` where too few bought or too few did not. */
export async function readWindow(
  history: History,
  moment: Date,
  { horizonDays, minOutcomes }: { readonly horizonDays: number; readonly minOutcomes: number },
): Promise<Window | undefined> {
  const snapshot = snapshotOf((await history.populations(moment)).buyers);
  const outcomes = await history.outcomes(moment, horizonDays);
  const bought = outcomesOf(snapshot.userId, outcomes, 'bought');
  const revenue = outcomesOf(snapshot.userId, outcomes, 'revenue');
  const positives = sum(bought);
  if (Math.min(positives, snapshot.size - positives) < minOutcomes) return undefined;
  return { snapshot, bought, revenue, logRevenue: revenue.map((value) => Math.log1p(Math.max(0, value))) };
}

export function tryOut(candidate: SegmentationCandidate, before: Window, after: Window): Trial {
  const { segmentation } = candidate;
  return {
    candidate,
    before,
    after,
    segmentsBefore: segmentation.assign(before.snapshot),
    segments: segmentation.assign(after.snapshot),
  };
}

/** What the first window taught of each segment, said of the second. */
function forecast({ before, segmentsBefore, segments }: Trial, of: 'bought' | 'logRevenue'): Float64Array {
  return Float64Array.from(segments, segmentMeans(segmentsBefore, before[of]));
}

export function measure(trial: Trial): Metrics {
  const { candidate, before, after, segments } = trial;
  const baseline = tryOut(
    { name: 'one-segment', segmentation: oneSegment, stored: undefined },
    before,
    after,
  );
  const r2 = (of: 'bought' | 'logRevenue'): number | null =>
    outOfSampleR2(forecast(trial, of), forecast(baseline, of), after[of]);
  const quality = candidate.stored && clusterQuality(candidate.stored, after.snapshot);
  return {
    segments: new Set(Array.from(segments)).size,
    logLoss: logLoss(forecast(trial, 'bought'), Uint8Array.from(after.bought)),
    boughtR2: r2('bought'),
    revenueR2: r2('logRevenue'),
    boughtOmega2: omegaSquared(segments, after.bought),
    revenueOmega2: omegaSquared(segments, after.logRevenue),
    stability: null,
    silhouette: quality?.silhouette ?? null,
    fidelity: quality?.fidelity ?? null,
  };
}

/** Those who buy most often first: what a shop owner looks for. */
export function describeSegments({
  candidate,
  before,
  after,
  segmentsBefore,
  segments,
}: Trial): JudgedSegment[] {
  const membersOf = (id: number, of: ArrayLike<number>, values: Float64Array): Float64Array =>
    values.filter((_, i) => of[i] === id);
  const mean = (values: Float64Array): number => sum(values) / values.length;
  return candidate.segmentation.segments
    .flatMap((definition): JudgedSegment[] => {
      const bought = membersOf(definition.id, segments, after.bought);
      if (bought.length === 0) return [];
      const boughtBefore = membersOf(definition.id, segmentsBefore, before.bought);
      return [
        {
          ...definition,
          customers: bought.length,
          share: bought.length / segments.length,
          boughtBefore: boughtBefore.length > 0 ? mean(boughtBefore) : null,
          bought: mean(bought),
          revenue: mean(membersOf(definition.id, segments, after.revenue)),
        },
      ];
    })
    .sort((a, b) => b.bought - a.bought);
}

/** How far the segments of one cut-off are those of the one before it, for the customers of both. */
export function stability(now: Trial, earlier: Trial | undefined): number | null {
  if (!earlier) return null;
  const placeOf = new Map(Array.from(earlier.after.snapshot.userId, (id, i) => [id, i]));
  const both = Array.from(now.after.snapshot.userId, (id, i) => [i, placeOf.get(id)] as const).filter(
    (pair): pair is readonly [number, number] => pair[1] !== undefined,
  );
  return adjustedRandIndex(
    both.map(([i]) => now.segments[i]!),
    both.map(([, i]) => earlier.segments[i]!),
  );
}
