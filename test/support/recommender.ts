import type pg from 'pg';
import { type ContestRule, publishRecommender } from '../../src/recommendations/publish.ts';
import {
  defaultReading,
  type ItemLists,
  type ProductDemand,
  type ReadingParameters,
} from '../../src/recommendations/published.ts';

/** For each product its neighbours with their weights: `{ 1: { 2: 0.75 } }`. */
type Weights = Record<number, Record<number, number>>;

export interface Version {
  demand: (Partial<ProductDemand> & { product_id: number })[];
  weights?: Weights;
  content?: {
    similarities: Weights;
    interactions?: Record<number, number>;
    prior?: number;
    strength?: number;
  };
  reading?: Partial<ReadingParameters>;
  metrics?: Record<string, unknown>;
  asOf?: string;
}

/** Promoted unless its metric of this name is lower than the champion's by more than `tolerance`; without one of its own it is not. */
export function notWorseBy(metric: string, tolerance: number): ContestRule {
  return (challenger, champion) => {
    const [own, other] = [challenger.metrics[metric], champion?.metrics[metric]];
    const isBetter = typeof own === 'number' && (typeof other !== 'number' || own >= other - tolerance);
    return {
      promoted: champion === undefined || isBetter,
      against: champion?.modelRunId ?? null,
      metric,
      tolerance,
      challenger: own ?? null,
      champion: other ?? null,
    };
  };
}

function lists(weights: Weights): ItemLists & { productIds: number[] } {
  const productIds = [
    ...new Set(Object.entries(weights).flatMap(([id, row]) => [id, ...Object.keys(row)])),
  ].map(Number);
  const numberOf = new Map(productIds.map((id, n) => [id, n]));
  const rows = productIds.map((id) => Object.entries(weights[id] ?? {}).sort(([, a], [, b]) => b - a));
  return {
    productIds,
    ids: rows.map((row) => row.map(([id]) => numberOf.get(Number(id)) as number)),
    weights: rows.map((row) => row.map(([, weight]) => weight)),
  };
}

/** Publishes a version that is written out by hand. @returns model_run_id and the contest */
export function publishVersion(pool: pg.Pool, version: Version, rule?: ContestRule) {
  const content = version.content && lists(version.content.similarities);
  return publishRecommender(
    pool,
    {
      algorithm: 'by-hand',
      asOf: new Date(version.asOf ?? '2024-01-01T00:00:00Z'),
      codeVersion: 'test',
      customers: 1,
      durationSeconds: 0,
      parameters: {},
      metrics: version.metrics ?? {},
      reading: { ...defaultReading, ...version.reading },
      neighbours: lists(version.weights ?? {}),
      ...(content && {
        content: {
          ...content,
          strength: version.content?.strength ?? 1,
          prior: version.content?.prior ?? 10,
          interactions: content.productIds.map((id) => version.content?.interactions?.[id] ?? 0),
        },
      }),
      demand: version.demand.map((row) => ({
        category: null,
        popularity: 0.5,
        week: 0,
        month: 0,
        quarter: 0,
        year: 0,
        buyers: 10,
        repeat_share: 0.5,
        is_bought_repeatedly: false,
        repeat_interval_days: null,
        ...row,
      })),
    },
    rule,
  );
}
