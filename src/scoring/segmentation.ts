import type pg from 'pg';
import { AppError } from '../errors.ts';
import type { FeatureMatrix } from '../models/classification/feature-matrix.ts';
import { noiseName } from '../models/clustering/cluster-names.ts';
import { clusteringFromJSON, fitClusters } from '../models/clustering/clustering.ts';
import { explainClusters } from '../models/clustering/explain-cluster.ts';
import { matchClusters } from '../models/clustering/match-clusters.ts';
import { assignRfmSegments, type RfmData } from '../models/rfm.ts';
import { rfmSegments } from '../models/rfm-segments.ts';
import * as queries from './queries.ts';
import { historicRevenues, type Snapshot, sinceLastPurchase } from './snapshot.ts';

export interface SegmentDefinition {
  readonly id: number;
  readonly code: string;
  readonly name: { readonly en: string; readonly ru: string };
  readonly description: { readonly en: string; readonly ru: string };
}

/** How customers are put into segments: rules, or clusters that were fitted. */
export interface Segmentation {
  readonly segments: readonly SegmentDefinition[];
  /** The segment id of each customer of the snapshot. */
  assign(snapshot: Snapshot): ArrayLike<number>;
  /** Only where a segment is a place among all buyers: one who buys may move others. */
  readonly assignAmong?: (data: RfmData) => ArrayLike<number>;
}

export interface PromotedSegmentation extends Segmentation {
  /** null: the RFM rules, which nobody has to promote. */
  readonly modelRunId: number | null;
}

/** What is kept of a fitted segmentation, in model_runs. */
export interface StoredSegmentation {
  readonly algorithm: 'k-means' | 'dbscan' | 'rfm';
  readonly features: readonly SegmentFeature[];
  readonly clustering: object | null;
  /** Segment id of each cluster; 0 is noise. */
  readonly segmentOf: Readonly<Record<string, number>>;
  readonly segments: readonly SegmentDefinition[];
  readonly nextSegmentId: number;
}

function netRevenue(snapshot: Snapshot): Float64Array {
  return snapshot.grossRevenue.map((gross, i) => gross - snapshot.refunds[i]!);
}

/** What can be clustered on, by the names that the explanations have words for. */
const featureColumns = {
  recency_days: sinceLastPurchase,
  orders: (snapshot: Snapshot) => snapshot.orders,
  monetary: netRevenue,
  tenure_days: (snapshot: Snapshot) => snapshot.tDays,
  average_order_value: (snapshot: Snapshot) =>
    snapshot.grossRevenue.map((gross, i) => gross / Math.max(1, snapshot.orders[i]!)),
} as const;

export type SegmentFeature = keyof typeof featureColumns;
export const segmentFeatures = Object.keys(featureColumns) as SegmentFeature[];

function matrixOf(snapshot: Snapshot, features: readonly SegmentFeature[]): FeatureMatrix {
  return {
    names: features,
    rows: snapshot.size,
    columns: features.map((name) => featureColumns[name](snapshot)),
  };
}

export const rfmSegmentation: Segmentation = Object.freeze({
  segments: rfmSegments,
  assignAmong: (data: RfmData) => assignRfmSegments(data).segmentIds,
  assign: (snapshot: Snapshot) =>
    assignRfmSegments({
      recencyDays: sinceLastPurchase(snapshot),
      frequency: snapshot.orders,
      // As published: the places of those who are not read again come from there.
      monetary: historicRevenues(snapshot),
    }).segmentIds,
});

export function clusterSegmentation(stored: StoredSegmentation): Segmentation {
  const clustering = clusteringFromJSON(stored.clustering);
  return {
    segments: stored.segments,
    assign: (snapshot) =>
      clustering
        .assign(matrixOf(snapshot, stored.features))
        .map((cluster) => stored.segmentOf[cluster] as number),
  };
}

/** How far the clusters are apart where they were fitted, and how well the rules in words say who is in them. */
export function clusterQuality(
  stored: StoredSegmentation,
  snapshot: Snapshot,
): { readonly silhouette: number | null; readonly fidelity: number } {
  const clustering = clusteringFromJSON(stored.clustering);
  const matrix = matrixOf(snapshot, stored.features);
  const { treeAccuracy } = explainClusters(matrix, clustering.assign(matrix), clustering.standardisation);
  return { silhouette: clustering.diagnostics.silhouette, fidelity: treeAccuracy };
}

export async function readStoredSegmentation(
  client: pg.ClientBase,
  asOf: Date,
): Promise<StoredSegmentation | undefined> {
  return (await client.query(queries.CHAMPION, ['segmentation', asOf])).rows[0]?.model;
}

/** The segmentation that was promoted last, of those that knew nothing of what came after `asOf`; the RFM rules where there is none. */
export async function promotedSegmentation(client: pg.ClientBase, asOf: Date): Promise<PromotedSegmentation> {
  const run = (await client.query(queries.CHAMPION, ['segmentation', asOf])).rows[0];
  if (!run || run.model.algorithm === 'rfm') return { ...rfmSegmentation, modelRunId: null };
  return { ...clusterSegmentation(run.model), modelRunId: run.model_run_id };
}

export interface SegmentationOptions {
  algorithm: 'k-means' | 'dbscan' | 'rfm';
  features: readonly SegmentFeature[];
  /** Of k-means; chosen by silhouette unless given. */
  clusters?: number | undefined;
  seed: number;
}

/** Of DBSCAN: those who are like nobody. */
const noGroup: SegmentDefinition = {
  id: 0,
  code: 'no_group',
  name: noiseName,
  description: { en: 'unlike all groups', ru: 'не похожие ни на одну группу' },
};

function matched(groups: Int32Array, snapshot: Snapshot, previous: StoredSegmentation | undefined) {
  const before =
    previous && previous.algorithm !== 'rfm' ? clusterSegmentation(previous).assign(snapshot) : null;
  return matchClusters(
    { customerIds: snapshot.userId, groups },
    before && { customerIds: snapshot.userId, groups: before },
    { nextSegmentId: previous?.nextSegmentId ?? Math.max(...rfmSegments.map(({ id }) => id)) + 1 },
  );
}

/** Fits clusters to the snapshot, puts them into words, and gives those that were there before their old ids. */
export function fitSegmentation(
  snapshot: Snapshot,
  options: SegmentationOptions,
  previous: StoredSegmentation | undefined,
): StoredSegmentation {
  const { algorithm, features, clusters, seed } = options;
  const nothing = { features, clustering: null, segmentOf: {}, segments: [] };
  if (algorithm === 'rfm')
    return { algorithm, ...nothing, nextSegmentId: previous?.nextSegmentId ?? rfmSegments.length + 1 };
  if (snapshot.size < 2)
    throw new AppError('SCORING_NO_DATA', 'fewer than two customers bought: there is nothing to tell apart');
  const matrix = matrixOf(snapshot, features);
  const clustering =
    algorithm === 'dbscan'
      ? fitClusters(matrix, { algorithm, seed })
      : fitClusters(matrix, {
          algorithm,
          seed,
          ...(clusters === undefined ? {} : { clusterCount: clusters }),
        });
  const groups = clustering.assign(matrix);
  const { matches, nextSegmentId } = matched(groups, snapshot, previous);
  const segmentOf: Record<string, number> = { 0: 0 };
  for (const { cluster, segmentId } of matches) segmentOf[cluster] = segmentId;
  const segments = explainClusters(matrix, groups, clustering.standardisation).clusters.map(
    ({ cluster, name, description }) => {
      const id = segmentOf[cluster] as number;
      return { id, code: id === 0 ? noGroup.code : `cluster_${id}`, name, description };
    },
  );
  // Nobody is noise today, and somebody may be tomorrow.
  if (algorithm === 'dbscan' && !segments.some(({ id }) => id === 0)) segments.push(noGroup);
  return { algorithm, features, clustering: clustering.toJSON(), segmentOf, segments, nextSegmentId };
}
