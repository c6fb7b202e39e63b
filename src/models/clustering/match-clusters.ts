import { AppError } from '../../errors.ts';
import { assignLeastCost } from './hungarian.ts';

/** Who was where: `groups[i]` is the segment or cluster of customer `customerIds[i]`, ids ascending and each once. */
export interface Membership {
  readonly customerIds: ArrayLike<number>;
  /** 0 is noise. */
  readonly groups: ArrayLike<number>;
}

interface ClusterMatch {
  /** A cluster of this run, 1 or more. */
  readonly cluster: number;
  /** The segment id that it has from now on. */
  readonly segmentId: number;
  /** Share of its customers in those of the segment and its own together; null for a segment that is new. */
  readonly overlap: number | null;
}

export interface ClusterMatching {
  /** Ascending by cluster. */
  readonly matches: readonly ClusterMatch[];
  /** Segments of the earlier run that found no heir; their ids stay taken. */
  readonly retired: readonly number[];
  /** The next id never used: to be stored, and given to the next run. */
  readonly nextSegmentId: number;
}

/** A cluster that falls into four equal parts leaves an overlap of .25 with each: beyond that no part is the heir. */
const defaultMinimumOverlap = 0.25;

function checkMembership(name: string, { customerIds, groups }: Membership): void {
  const fail = (message: string, row: number): never => {
    throw new AppError('MODEL_BAD_INPUT', `${name}: ${message}.`, { details: { row } });
  };
  if (customerIds.length !== groups.length) fail('customers and groups differ in number', customerIds.length);
  for (let i = 0; i < groups.length; i++) {
    if (i > 0 && !(customerIds[i]! > customerIds[i - 1]!)) fail('customers do not ascend', i);
    if (!(Number.isSafeInteger(groups[i]!) && groups[i]! >= 0)) fail(`${groups[i]} is no group`, i);
  }
}

/** Different groups of 1 or more, ascending. */
function groupsOf(membership: Membership): number[] {
  const groups = new Set<number>();
  for (let i = 0; i < membership.groups.length; i++) groups.add(membership.groups[i]!);
  groups.delete(0);
  return [...groups].sort((i, j) => i - j);
}

/** For clusters (rows) and segments (columns), |both| / |either|, over the customers that were in both runs. */
function jaccard(
  current: Membership,
  previous: Membership,
  clusters: readonly number[],
  segments: readonly number[],
): Float64Array {
  const row = new Map(clusters.map((cluster, i) => [cluster, i]));
  const column = new Map(segments.map((segment, j) => [segment, j]));
  const both = new Float64Array(clusters.length * segments.length);
  const clusterSizes = new Float64Array(clusters.length);
  const segmentSizes = new Float64Array(segments.length);
  for (let i = 0, j = 0; i < current.groups.length && j < previous.groups.length; ) {
    const order = current.customerIds[i]! - previous.customerIds[j]!;
    if (order === 0) {
      const c = row.get(current.groups[i]!);
      const s = column.get(previous.groups[j]!);
      if (c !== undefined) clusterSizes[c]!++;
      if (s !== undefined) segmentSizes[s]!++;
      if (c !== undefined && s !== undefined) both[c * segments.length + s]!++;
    }
    if (order <= 0) i++;
    if (order >= 0) j++;
  }
  return both.map((count, cell) => {
    const either =
      clusterSizes[Math.floor(cell / segments.length)]! + segmentSizes[cell % segments.length]! - count;
    return either > 0 ? count / either : 0;
  });
}

/** For each cluster its segment's place and overlap, or undefined; of all ways the one of largest total overlap. */
function bestPairs(overlap: Float64Array, clusters: number, segments: number, minimum: number) {
  // As many columns more as there are clusters, of no overlap: any cluster may stay without a segment.
  const columns = segments + clusters;
  const cost = new Float64Array(clusters * columns);
  for (let c = 0; c < clusters; c++) {
    for (let s = 0; s < segments; s++) {
      const value = overlap[c * segments + s]!;
      if (value > 0 && value >= minimum) cost[c * columns + s] = -value;
    }
  }
  return Array.from(assignLeastCost(cost, clusters, columns), (column, c) =>
    column < segments && cost[c * columns + column]! < 0
      ? { segment: column, overlap: overlap[c * segments + column]! }
      : undefined,
  );
}

/**
 * Gives the clusters of a run the ids of the segments they continue, so that "segment 7" means the same people next week:
 * one to one, with the largest total overlap (Jaccard index of the members, among the customers of both runs). A cluster
 * without a match gets an id that was never used; noise is 0 in every run.
 * @param previous groups are segment ids; null for the first run
 * @param nextSegmentId greater than every id ever given
 * @throws AppError MODEL_BAD_INPUT for customers out of order, or an id that was given already
 */
export function matchClusters(
  current: Membership,
  previous: Membership | null,
  options: { nextSegmentId: number; minimumOverlap?: number },
): ClusterMatching {
  const { nextSegmentId, minimumOverlap = defaultMinimumOverlap } = options;
  checkMembership('This run', current);
  if (previous) checkMembership('The earlier run', previous);
  const clusters = groupsOf(current);
  const segments = previous ? groupsOf(previous) : [];
  if (!(Number.isSafeInteger(nextSegmentId) && nextSegmentId > (segments.at(-1) ?? 0))) {
    throw new AppError('MODEL_BAD_INPUT', `The next segment id ${nextSegmentId} was given already.`, {
      details: { nextSegmentId, largest: segments.at(-1) ?? 0 },
    });
  }
  const overlap = previous ? jaccard(current, previous, clusters, segments) : new Float64Array(0);
  const pairs = bestPairs(overlap, clusters.length, segments.length, minimumOverlap);
  let next = nextSegmentId;
  const matches = clusters.map((cluster, i): ClusterMatch => {
    const pair = pairs[i];
    if (!pair) return { cluster, segmentId: next++, overlap: null };
    return { cluster, segmentId: segments[pair.segment]!, overlap: pair.overlap };
  });
  const kept = new Set(matches.map(({ segmentId }) => segmentId));
  return { matches, retired: segments.filter((segment) => !kept.has(segment)), nextSegmentId: next };
}
