import type { PromotedSegmentation } from './segmentation.ts';
import type { Snapshot } from './snapshot.ts';
import {
  buyersAmong,
  createStandings,
  knownOf,
  mergeStandings,
  pick,
  placesOf,
  type Standings,
} from './standings.ts';

/** Customers whose rows are left alone but for this: user_ids with their new segments. */
export interface Moved {
  readonly userIds: readonly number[];
  readonly segmentIds: readonly number[];
}

export interface SegmentPlaces {
  /** Of each buyer in view. */
  readonly segmentId: Float64Array;
  readonly moved: Moved;
}

function movedAmong(untouched: Standings, all: Standings, segmentId: Float64Array): Moved {
  const places = placesOf(untouched.userId, all.userId);
  const rows = Array.from(places.keys()).filter(
    (row) => !Object.is(untouched.segmentId[row], segmentId[places[row]!]),
  );
  return {
    userIds: rows.map((row) => untouched.userId[row]!),
    segmentIds: rows.map((row) => segmentId[places[row]!]!),
  };
}

/** Segments follow from what customers did: by each buyer's own, or by the place among all, in view or not. */
export function segmentPlaces(
  snapshot: Snapshot,
  untouched: Standings,
  { assign, assignAmong }: PromotedSegmentation,
): SegmentPlaces {
  if (!assignAmong)
    return { segmentId: Float64Array.from(assign(snapshot)), moved: { userIds: [], segmentIds: [] } };
  const all = mergeStandings(createStandings(snapshot.userId, knownOf(snapshot)), untouched);
  const rows = buyersAmong(all);
  const assigned = assignAmong({
    recencyDays: pick(all.sinceLastPurchase, rows),
    frequency: pick(all.orders, rows),
    monetary: pick(all.historicRevenue, rows),
  });
  const segmentId = new Float64Array(all.userId.length).fill(Number.NaN);
  rows.forEach((row, i) => {
    segmentId[row] = assigned[i]!;
  });
  return {
    segmentId: pick(segmentId, placesOf(snapshot.userId, all.userId)),
    moved: movedAmong(untouched, all, segmentId),
  };
}
