import { KdTree } from './kd-tree.ts';
import { type Points, takeRows } from './points.ts';

export interface DbscanParameters {
  /** Radius of a neighbourhood, in standard deviations of the logarithms. */
  readonly epsilon: number;
  /** Points that make a neighbourhood dense, the point itself included. */
  readonly minPoints: number;
}

/** What decides where a point belongs: the core points, each with its cluster from 1 on, the largest first. */
export interface DbscanCores {
  readonly cores: Points;
  readonly labels: Int32Array;
  readonly clusters: number;
}

/** Equal points once each, with how many there are: all customers of one purchase must not cost their square. */
interface DistinctPoints {
  readonly points: Points;
  readonly weights: Float64Array;
}

function distinct(points: Points): DistinctPoints {
  const { rows, dimensions, values } = points;
  const indexOf = new Map<string, number>();
  const places: number[] = [];
  const weights: number[] = [];
  for (let row = 0; row < rows; row++) {
    const key = values.subarray(row * dimensions, (row + 1) * dimensions).join();
    const index = indexOf.get(key) ?? places.length;
    if (index === places.length) {
      indexOf.set(key, index);
      places.push(row);
      weights.push(0);
    }
    weights[index]!++;
  }
  return { points: takeRows(points, places), weights: Float64Array.from(weights) };
}

/** Squared distance at which a neighbourhood reaches `minPoints`; infinite where there are not so many points. */
function squaredReach(tree: KdTree, data: DistinctPoints, index: number, minPoints: number): number {
  const near: { squared: number; weight: number }[] = [];
  let weight = 0;
  tree.search(
    data.points.values,
    index * data.points.dimensions,
    Number.POSITIVE_INFINITY,
    (place, squared) => {
      let at = near.length;
      while (at > 0 && near[at - 1]!.squared > squared) at--;
      near.splice(at, 0, { squared, weight: data.weights[place]! });
      weight += data.weights[place]!;
      while (weight - near.at(-1)!.weight >= minPoints) weight -= near.pop()!.weight;
      return weight >= minPoints ? near.at(-1)!.squared : Number.POSITIVE_INFINITY;
    },
  );
  return weight >= minPoints ? near.at(-1)!.squared : Number.POSITIVE_INFINITY;
}

/**
 * The knee of the sorted distances to the minPoints-th neighbour, where the paper (section 4.2) has a person look at the
 * "first valley": the place farthest below the chord (Satopää et al., Kneedle, ICDCS Workshops 2011).
 */
function kneeEpsilon(tree: KdTree, data: DistinctPoints, minPoints: number): number {
  const reaches: number[] = [];
  for (let i = 0; i < data.points.rows; i++) {
    const reach = Math.sqrt(squaredReach(tree, data, i, minPoints));
    if (Number.isFinite(reach)) for (let copy = 0; copy < data.weights[i]!; copy++) reaches.push(reach);
  }
  const sorted = Float64Array.from(reaches).sort();
  const least = sorted.find((reach) => reach > 0);
  // Equal points only, or too few for a neighbourhood: any radius says the same.
  if (least === undefined) return 1;
  const range = sorted.at(-1)! - sorted[0]!;
  let knee = 0;
  let farthest = Number.NEGATIVE_INFINITY;
  sorted.forEach((reach, i) => {
    const below = i / sorted.length - (range > 0 ? (reach - sorted[0]!) / range : 0);
    if (below > farthest) [farthest, knee] = [below, i];
  });
  return Math.max(sorted[knee]!, least);
}

function corePlaces(tree: KdTree, data: DistinctPoints, parameters: DbscanParameters): number[] {
  const squaredEpsilon = parameters.epsilon ** 2;
  const places: number[] = [];
  for (let i = 0; i < data.points.rows; i++) {
    let weight = 0;
    tree.search(data.points.values, i * data.points.dimensions, squaredEpsilon, (place) => {
      weight += data.weights[place]!;
      // A negative radius ends the search: dense is dense.
      return weight >= parameters.minPoints ? -1 : squaredEpsilon;
    });
    if (weight >= parameters.minPoints) places.push(i);
  }
  return places;
}

/** The connected groups of core points, from 1 on in the order of their first. */
function connect(cores: Points, epsilon: number): { labels: Int32Array; clusters: number } {
  const labels = new Int32Array(cores.rows);
  const tree = new KdTree(cores);
  let clusters = 0;
  for (let first = 0; first < cores.rows; first++) {
    if (labels[first] !== 0) continue;
    labels[first] = ++clusters;
    tree.remove(first);
    const open = [first];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      tree.search(cores.values, next * cores.dimensions, epsilon ** 2, (place) => {
        if (labels[place] === 0) {
          labels[place] = clusters;
          // Else a radius that holds everything costs the square of the points: ten times as long, measured on 20,000.
          tree.remove(place);
          open.push(place);
        }
        return epsilon ** 2;
      });
    }
  }
  return { labels, clusters };
}

/** Numbers the clusters anew, the one with most points first; equal ones keep their order. */
function largestFirst(labels: Int32Array, clusters: number, weights: Float64Array): Int32Array {
  const totals = new Float64Array(clusters + 1);
  labels.forEach((label, i) => {
    totals[label]! += weights[i]!;
  });
  const order = Array.from({ length: clusters }, (_, i) => i + 1).sort((i, j) => totals[j]! - totals[i]!);
  const numbers = new Int32Array(clusters + 1);
  order.forEach((label, i) => {
    numbers[label] = i + 1;
  });
  return labels.map((label) => numbers[label]!);
}

/**
 * 2 x dimensions (Sander et al., DMKD 2, 1998), and more for many points, as Schubert et al. advise (TODS 42(3), 2017):
 * the knee's radius hangs on a few neighbours otherwise. Measured: two moons of 1,000 points fall into 13 clusters with 4,
 * 3 with 7, 2 with 14; of 10,000 into 17 with 4, 3 with 9, 2 with 18.
 */
function defaultMinPoints({ rows, dimensions }: Points): number {
  return Math.max(4, 2 * dimensions, Math.round(2 * Math.log(rows)));
}

/**
 * DBSCAN (Ester, Kriegel, Sander & Xu, KDD 1996) with a k-d tree. Exact for the points given. Where the paper leaves a
 * border point to the cluster that comes first, ours goes to the nearest core point (assignToCores), as any new point does.
 * @param given the rest is found: see defaultMinPoints, kneeEpsilon
 */
export function fitDbscan(
  points: Points,
  given: { epsilon?: number; minPoints?: number },
): DbscanParameters & DbscanCores {
  const data = distinct(points);
  const tree = new KdTree(data.points);
  const minPoints = given.minPoints ?? defaultMinPoints(points);
  const epsilon = given.epsilon ?? kneeEpsilon(tree, data, minPoints);
  const places = corePlaces(tree, data, { epsilon, minPoints });
  const cores = takeRows(data.points, places);
  const weights = Float64Array.from(places, (place) => data.weights[place]!);
  const { labels, clusters } = connect(cores, epsilon);
  return { epsilon, minPoints, cores, labels: largestFirst(labels, clusters, weights), clusters };
}

/** For each point the cluster of the nearest core point within epsilon, the first of equally near ones; 0 is noise. */
export function assignToCores(points: Points, fit: DbscanCores, epsilon: number): Int32Array {
  const assigned = new Int32Array(points.rows);
  if (fit.cores.rows === 0) return assigned;
  const tree = new KdTree(fit.cores);
  let nearest = -1;
  let best = 0;
  const visit = (place: number, squared: number) => {
    if (nearest < 0 || squared < best || place < nearest) nearest = place;
    best = squared;
    return squared;
  };
  for (let row = 0; row < points.rows; row++) {
    nearest = -1;
    tree.search(points.values, row * points.dimensions, epsilon ** 2, visit);
    if (nearest >= 0) assigned[row] = fit.labels[nearest]!;
  }
  return assigned;
}
