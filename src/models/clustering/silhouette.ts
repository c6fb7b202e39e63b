import { Random } from '../random.ts';
import { type Points, samplePlaces, squaredDistance, takeRows } from './points.ts';

/**
 * Rows that a silhouette compares with each other. The cost is their square: under a second for 5,000 and nine labelings
 * in six dimensions, 16 times that for all 20,000 of a sample. The standard error of a mean over 5,000 is below .01.
 */
const maxSilhouetteRows = 5000;

function clusterSizes(labels: Int32Array): Float64Array {
  let clusters = 0;
  for (const label of labels) clusters = Math.max(clusters, label + 1);
  const sizes = new Float64Array(clusters);
  for (const label of labels) sizes[label]!++;
  return sizes;
}

/** One point's silhouette from its summed distances to each cluster; 0 for a cluster of one (Rousseeuw's convention). */
function pointSilhouette(sums: Float64Array, sizes: Float64Array, own: number): number {
  if (sizes[own]! < 2) return 0;
  const within = sums[own]! / (sizes[own]! - 1);
  let nearest = Number.POSITIVE_INFINITY;
  for (let j = 0; j < sizes.length; j++) {
    if (j !== own && sizes[j]! > 0) nearest = Math.min(nearest, sums[j]! / sizes[j]!);
  }
  const larger = Math.max(within, nearest);
  return larger > 0 ? (nearest - within) / larger : 0;
}

/**
 * Mean silhouette (Rousseeuw, J. Comput. Appl. Math. 20, 1987) of each of several labelings of the same points, -1 to 1;
 * null where there are not two clusters. Exact over the rows it looks at: all up to 5,000, beyond that a seeded sample of
 * so many, silhouettes taken within the sample.
 * @param labelings for each point its cluster, 0 or more
 */
export function meanSilhouettes(
  points: Points,
  labelings: readonly Int32Array[],
  seed: number,
): (number | null)[] {
  const places = samplePlaces(points.rows, maxSilhouetteRows, Random.fromSeed(seed, 'silhouette'));
  const { rows, dimensions, values } = takeRows(points, places);
  const labels = labelings.map((labeling) => Int32Array.from(places, (place) => labeling[place]!));
  const sizes = labels.map(clusterSizes);
  const sums = sizes.map((size) => new Float64Array(size.length));
  const totals = new Float64Array(labelings.length);
  const distances = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    // The distances are the same for every labeling, and most of the cost.
    for (let j = 0; j < rows; j++) {
      distances[j] = Math.sqrt(squaredDistance(values, i * dimensions, values, j * dimensions, dimensions));
    }
    for (let l = 0; l < labels.length; l++) {
      const sum = sums[l]!.fill(0);
      const label = labels[l]!;
      for (let j = 0; j < rows; j++) sum[label[j]!]! += distances[j]!;
      totals[l]! += pointSilhouette(sum, sizes[l]!, label[i]!);
    }
  }
  return sizes.map((size, l) => (size.filter((count) => count > 0).length < 2 ? null : totals[l]! / rows));
}
