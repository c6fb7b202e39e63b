import type pg from 'pg';
import { clusteringFromJSON } from '../models/clustering/clustering.ts';
import { quintileScores } from '../models/rfm.ts';
import {
  clusterSegmentation,
  fitSegmentation,
  readStoredSegmentation,
  rfmSegmentation,
  type Segmentation,
  type SegmentationOptions,
  type StoredSegmentation,
  segmentFeatures,
} from './segmentation.ts';
import { type Snapshot, sinceLastPurchase } from './snapshot.ts';

/** A way to part the customers, as it would have been at one moment. */
export interface SegmentationCandidate {
  readonly name: string;
  readonly segmentation: Segmentation;
  /** Where clusters were fitted. */
  readonly stored: StoredSegmentation | undefined;
}

const ALL = 1;
const FIFTHS = 5;

/** What any other has to beat: one segment for all. */
export const oneSegment: Segmentation = Object.freeze({
  segments: [
    {
      id: ALL,
      code: 'all',
      name: { en: 'All customers', ru: 'Все покупатели' },
      description: { en: 'everybody who bought', ru: 'все, кто покупал' },
    },
  ],
  assign: (snapshot: Snapshot) => new Uint8Array(snapshot.size).fill(ALL),
});

/** What a shop owner could do by hand: sort by the day of the last purchase and cut into fifths, 1 the latest. */
const recencyFifths: Segmentation = Object.freeze({
  segments: Array.from({ length: FIFTHS }, (_, i) => ({
    id: i + 1,
    code: `recency_fifth_${i + 1}`,
    name: { en: `Fifth ${i + 1} by last purchase`, ru: `${i + 1}-я пятая по последней покупке` },
    description: { en: '1 bought the latest', ru: '1-я покупала последней' },
  })),
  assign: (snapshot: Snapshot) => quintileScores(sinceLastPurchase(snapshot)),
});

/** Later than any run: what is promoted now. */
const END_OF_TIME = new Date('9999-12-31T00:00:00Z');
const SEED = 1;

/** How clusters came about, to be fitted anew. */
function recipeOf({ algorithm, features, clustering }: StoredSegmentation): SegmentationOptions {
  const { choice } = clusteringFromJSON(clustering).diagnostics;
  return {
    algorithm,
    features,
    clusters: choice?.method === 'given' ? choice.chosen : undefined,
    seed: SEED,
  };
}

/** The clusters that were in force at the moment; else those that are now, as they would have been fitted then. */
async function promotedAt(
  client: pg.ClientBase,
  snapshot: Snapshot,
): Promise<StoredSegmentation | undefined> {
  const then = await readStoredSegmentation(client, snapshot.moment);
  if (then && then.algorithm !== 'rfm') return then;
  const now = await readStoredSegmentation(client, END_OF_TIME);
  return now && now.algorithm !== 'rfm' ? fitSegmentation(snapshot, recipeOf(now), undefined) : undefined;
}

/** From the simplest; `promoted` where clusters are, since else the RFM rules are what holds. */
export async function segmentationsAt(
  client: pg.ClientBase,
  snapshot: Snapshot,
): Promise<SegmentationCandidate[]> {
  const recipe = { algorithm: 'k-means', features: segmentFeatures, seed: SEED } as const;
  const promoted = await promotedAt(client, snapshot);
  const clusters = (name: string, stored: StoredSegmentation): SegmentationCandidate => ({
    name,
    segmentation: clusterSegmentation(stored),
    stored,
  });
  return [
    { name: 'one-segment', segmentation: oneSegment, stored: undefined },
    { name: 'recency-fifths', segmentation: recencyFifths, stored: undefined },
    { name: 'rfm', segmentation: rfmSegmentation, stored: undefined },
    clusters('k-means', fitSegmentation(snapshot, recipe, undefined)),
    ...(promoted ? [clusters('promoted', promoted)] : []),
  ];
}
