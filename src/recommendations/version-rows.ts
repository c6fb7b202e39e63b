import { AppError } from '../errors.ts';
import { type Period, periods } from '../models/recommender/product-demand.ts';
import type { ContentNeighbours, ItemLists, ProductDemand, PublishedRecommender } from './published.ts';

/** Of the whole shop, and of one category: what a list of a hundred needs where most of them are bought, hidden or out of stock. */
const POPULAR_IN_SHOP = 500;
const POPULAR_IN_CATEGORY = 200;
const TRENDING = 100;
/** And no more than this share of what sold at all: in a quiet week all of it would be among the hundred. */
const TRENDING_SHARE = 0.2;

interface Row {
  ids: number[];
  weights: number[];
  collaborative: number;
  similarIds: number[];
  similarities: number[];
}

const emptyRow = (): Row => ({ ids: [], weights: [], collaborative: 0, similarIds: [], similarities: [] });

function checkFinite(weight: number, productId: number): number {
  if (Number.isFinite(weight)) return weight;
  throw new AppError('MODEL_BAD_INPUT', `the weights of product ${productId} are not all numbers`);
}

function collaborativeRows({ productIds, ids, weights }: ItemLists): Map<number, Row> {
  const rows = new Map<number, Row>();
  for (const [item, list] of ids.entries()) {
    if (list.length === 0) continue;
    const productId = productIds[item]!;
    const row = emptyRow();
    for (let k = 0; k < list.length; k++) {
      row.ids.push(productIds[list[k]!]!);
      row.weights.push(checkFinite(weights[item]![k]!, productId));
    }
    row.collaborative = list.length;
    rows.set(productId, row);
  }
  return rows;
}

/** Adds what is alike: to the weight where the pair has one, else behind the collaborative ones. */
function blendContent(rows: Map<number, Row>, content: ContentNeighbours): void {
  const { productIds, ids, weights, strength, prior, interactions } = content;
  for (const [item, list] of ids.entries()) {
    const productId = productIds[item]!;
    const row = rows.get(productId) ?? emptyRow();
    const placeOf = new Map(row.ids.map((id, place) => [id, place]));
    for (let k = 0; k < list.length; k++) {
      const other = list[k]!;
      const similarity = checkFinite(weights[item]![k]!, productId);
      const known = Math.min(interactions[item]!, interactions[other]!);
      const weight = (strength * similarity * prior) / (prior + known);
      const place = placeOf.get(productIds[other]!);
      row.similarIds.push(productIds[other]!);
      row.similarities.push(similarity);
      if (place !== undefined) row.weights[place]! += weight;
      else {
        row.ids.push(productIds[other]!);
        row.weights.push(weight);
      }
    }
    if (row.ids.length > 0) rows.set(productId, row);
  }
}

const array = (values: readonly number[]): string => `{${values.join(',')}}`;

/** What looks up the popularity of products, 0 for those that have none. */
function popularityIn(demand: readonly ProductDemand[]): (ids: readonly number[]) => number[] {
  const popularityOf = new Map(demand.map((row) => [row.product_id, row.popularity]));
  return (ids) => ids.map((id) => popularityOf.get(id) ?? 0);
}

/**
 * Rows for COPY without the version: product_id, neighbour_ids, weights, collaborative, similar_ids, similarities,
 * neighbour_popularities, similar_popularities.
 */
export function neighbourRows(published: PublishedRecommender): (string | number)[][] {
  const { neighbours, content, demand } = published;
  const popularitiesOf = popularityIn(demand);
  const rows = collaborativeRows(neighbours);
  if (content) blendContent(rows, content);
  return [...rows].map(([productId, row]) => [
    productId,
    array(row.ids),
    array(row.weights),
    row.collaborative,
    array(row.similarIds),
    array(row.similarities),
    array(popularitiesOf(row.ids)),
    array(popularitiesOf(row.similarIds)),
  ]);
}

type Ranked = readonly [product: number, score: number];

/** Products of a period by score, best first; scores are scaled to 1 for the best. */
function rank(demand: readonly ProductDemand[], by: Period | 'popularity'): Ranked[] {
  const ranked = demand
    .filter((row) => row[by] > 0)
    .map((row): Ranked => [row.product_id, row[by]])
    .sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  const best = ranked[0]?.[1] ?? 1;
  return ranked.map(([id, score]) => [id, score / best]);
}

function byCategory(demand: readonly ProductDemand[]): Map<string, ProductDemand[]> {
  const groups = new Map<string, ProductDemand[]>();
  for (const row of demand) {
    if (row.category === null || row.category === '') continue;
    const group = groups.get(row.category);
    if (group) group.push(row);
    else groups.set(row.category, [row]);
  }
  return groups;
}

/** Rows for COPY without the version: period, category ('' is the whole shop), product_ids, scores, popularities. */
export function* popularRows(demand: readonly ProductDemand[]): Generator<string[]> {
  const popularitiesOf = popularityIn(demand);
  const places: [string, readonly ProductDemand[], number][] = [['', demand, POPULAR_IN_SHOP]];
  for (const [category, rows] of byCategory(demand)) places.push([category, rows, POPULAR_IN_CATEGORY]);
  for (const [category, rows, most] of places) {
    for (const period of ['recent', ...periods] as const) {
      const ranked = rank(rows, period === 'recent' ? 'popularity' : period).slice(0, most);
      // What sold decades ago has no weight left in 32 bits, and is still more than nothing.
      if (ranked.length === 0 && period === 'recent')
        ranked.push(...rows.slice(0, most).map((row): Ranked => [row.product_id, 0]));
      if (ranked.length === 0) continue;
      const ids = ranked.map(([id]) => id);
      const scores = ranked.map(([, score]) => score);
      yield [period, category, array(ids), array(scores), array(popularitiesOf(ids))];
    }
  }
}

function trendingIn(demand: readonly ProductDemand[], period: Period): Set<number> {
  const ranked = rank(demand, period);
  const most = Math.min(TRENDING, Math.ceil(TRENDING_SHARE * ranked.length));
  return new Set(ranked.slice(0, most).map(([id]) => id));
}

/** Rows for COPY without the version, as app_schema.product_popularity has them. */
export function* popularityRows(
  demand: readonly ProductDemand[],
): Generator<(number | boolean | string | null)[]> {
  const [week, month] = [trendingIn(demand, 'week'), trendingIn(demand, 'month')];
  for (const row of demand) {
    yield [
      row.product_id,
      row.popularity,
      row.buyers,
      row.repeat_share,
      row.is_bought_repeatedly,
      row.repeat_interval_days,
      week.has(row.product_id) ? 'week' : month.has(row.product_id) ? 'month' : null,
    ];
  }
}
