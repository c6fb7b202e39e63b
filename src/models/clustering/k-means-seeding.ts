import type { Random } from '../random.ts';
import { type Points, squaredDistance, takeRows } from './points.ts';

/**
 * First centres by D^2 sampling: k-means++ (Arthur & Vassilvitskii, SODA 2007).
 * @returns at most `clusters` centres, all different: as many as there are different points where those are fewer
 */
export function seedCentres(points: Points, clusters: number, random: Random): Points {
  const { rows, dimensions, values } = points;
  const nearest = new Float64Array(rows).fill(Number.POSITIVE_INFINITY);
  const chosen: number[] = [];
  let next = random.integer(rows);
  for (;;) {
    chosen.push(next);
    let largest = 0;
    for (let row = 0; row < rows; row++) {
      const distance = squaredDistance(values, row * dimensions, values, next * dimensions, dimensions);
      if (distance < nearest[row]!) nearest[row] = distance;
      if (nearest[row]! > largest) largest = nearest[row]!;
    }
    if (chosen.length === clusters || largest === 0) return takeRows(points, chosen);
    next = random.categorical(nearest);
  }
}
