import type { LinearAlgebra } from '../linear-algebra/linear-algebra.ts';
import { fitRecentPopularity } from './demand-trend.ts';
import { EASE_MAX_ITEMS, solveEase } from './ease.ts';
import { headOf } from './ease-head.ts';
import type { EventLog, StrengthOptions } from './event-log.ts';
import type { Axes } from './grid-climb.ts';
import { fitImplicitAls } from './implicit-als.ts';
import { type Interactions, normaliseRows } from './interactions.ts';
import {
  fitItemNeighbours,
  type ItemNeighbourOptions,
  neighboursOfGram,
  type Similarity,
} from './item-neighbours.ts';
import { densePairs, sparsePairs } from './item-pairs.ts';
import { gramOf, historiesOf } from './log-memory.ts';
import { fitPopularity } from './popularity.ts';
import type { ItemRecommender, Recommender } from './recommender.ts';
import { solveSparseRidge } from './sparse-ridge.ts';

export type Point = Readonly<Record<string, number>>;

/** What a model is fitted on. */
export interface Material {
  readonly log: EventLog;
  /** The moment after the log, in its days. */
  readonly now: number;
  readonly seed: number;
  readonly algebra: LinearAlgebra;
  /** How much more of each user's history there is than options were tuned on; 1 unless given. */
  readonly growth?: number;
}

/** A model with the options that validation chooses. */
export interface TrialModel {
  readonly name: string;
  readonly axes: Axes;
  readonly start: Point;
  /** How the history counts, in training and when it is read. */
  strength(point: Point): StrengthOptions;
  fit(material: Material, point: Point): Promise<Recommender> | Recommender;
}

const similarities: readonly Similarity[] = ['cosine', 'jaccard', 'lift', 'counts'];
const NEIGHBOURS = 200;
const SPARSE_CANDIDATES = 100;
const ALS_FACTORS = 64;
const ALS_SWEEPS = 10;

/** The head of the catalogue, where nearly all of the mass is, and where ridges are tuned. */
export const HEAD_ITEMS = 1500;

/**
 * Ridges are given as multiples of the mean of the Gram matrix's diagonal, so that one grid fits every size and normalisation, and more
 * data take more ridge. The mean is over the head: what is tuned there holds for the whole.
 */
function meanOfSquares(data: Interactions, rowNormalisation: number): number {
  let total = 0;
  for (let user = 0; user + 1 < data.offsets.length; user++) {
    let squares = 0;
    for (let k = data.offsets[user]!; k < data.offsets[user + 1]!; k++) squares += data.weights[k]! ** 2;
    if (squares > 0) total += squares ** (1 - rowNormalisation);
  }
  return Math.max(total / Math.max(1, Math.min(HEAD_ITEMS, data.itemCount)), 1e-9);
}

const power = (point: Point): StrengthOptions => ({ power: point['strengthPower'] ?? 0 });
const dataOf = ({ log, now }: Material, strength: StrengthOptions): Interactions =>
  historiesOf(log, now, strength);

const ridgeAxes: Axes = {
  lambda: [0.1, 0.25, 0.6, 1.5, 3, 6, 10, 16, 25, 40, 65, 100, 160, 250],
  rowNormalisation: [0, 0.5, 1],
  dropout: [0, 0.15, 0.3, 0.5],
  strengthPower: [0, 0.5, 1],
};
const ridgeStart: Point = { lambda: 10, rowNormalisation: 0, dropout: 0, strengthPower: 0 };

/**
 * What the best ridge is does not hang on how much of each history is held out: it is the ratio of two variances (noise, weights). So what
 * the mean of the diagonal gains by that alone is taken off. On four simulated sets of MovieLens-100K's shape this was worth .0022 to
 * .0045 of nDCG, on each.
 */
function ridgeOptions(data: Interactions, point: Point, growth = 1) {
  const rowNormalisation = point['rowNormalisation']!;
  const lambda = (point['lambda']! / growth) * meanOfSquares(data, rowNormalisation);
  return { lambda, rowNormalisation, dropout: point['dropout']! };
}

const gramAt = (material: Material, data: Interactions, point: Point): Promise<Float32Array> =>
  gramOf(material.log, data, point['strengthPower'] ?? 0, point['rowNormalisation'] ?? 0, material.algebra);

async function neighboursOf(
  material: Material,
  point: Point,
  options: ItemNeighbourOptions,
): Promise<ItemRecommender> {
  const data = dataOf(material, power(point));
  if (data.itemCount > EASE_MAX_ITEMS) return fitItemNeighbours(data, options);
  return neighboursOfGram(await gramAt(material, data, point), data.itemCount, options);
}

const ease: TrialModel = {
  name: 'ease',
  axes: ridgeAxes,
  start: ridgeStart,
  strength: power,
  async fit(material, point) {
    const data = dataOf(material, power(point));
    const gram = await gramAt(material, data, point);
    const options = ridgeOptions(data, point, material.growth);
    return solveEase(gram, data.itemCount, options, material.algebra, headOf(data));
  },
};

const sparseRidge: TrialModel = {
  name: 'sparse-ridge',
  axes: ridgeAxes,
  start: ridgeStart,
  strength: power,
  async fit(material, point) {
    const data = dataOf(material, power(point));
    const { itemCount } = data;
    const pairs =
      itemCount <= EASE_MAX_ITEMS
        ? densePairs(await gramAt(material, data, point), itemCount)
        : sparsePairs(normaliseRows(data, point['rowNormalisation']!), SPARSE_CANDIDATES);
    const options = { ...ridgeOptions(data, point, material.growth), candidates: SPARSE_CANDIDATES };
    return solveSparseRidge(pairs, options, material.algebra);
  },
};

const als: TrialModel = {
  name: 'als',
  axes: { unobservedWeight: [0.01, 0.03, 0.1, 0.3, 1], regularisation: [0.001, 0.003, 0.01, 0.03, 0.1] },
  start: { unobservedWeight: 0.1, regularisation: 0.01 },
  strength: power,
  fit(material, point) {
    const data = dataOf(material, power(point));
    const options = {
      factors: point['factors'] ?? ALS_FACTORS,
      iterations: ALS_SWEEPS,
      unobservedWeight: point['unobservedWeight']!,
      regularisation: point['regularisation']!,
      seed: material.seed,
    };
    return fitImplicitAls(data, options, material.algebra);
  },
};

const itemKnn: TrialModel = {
  name: 'item-knn',
  axes: { shrinkage: [0, 5, 20, 100], strengthPower: [0, 0.5, 1] },
  start: { shrinkage: 20, strengthPower: 0 },
  strength: power,
  fit(material, point) {
    return neighboursOf(material, point, { neighbours: NEIGHBOURS, shrinkage: point['shrinkage']! });
  },
};

/** As Microsoft's `recommenders` has it: pairs counted once, affinity of the user summed and, where times are known, decayed. */
function sar(hasTimes: boolean): TrialModel {
  const affinity = (point: Point): StrengthOptions => ({ power: 1, halfLifeDays: point['halfLifeDays'] });
  return {
    name: 'sar',
    axes: { similarity: [0, 1, 2, 3], ...(hasTimes ? { halfLifeDays: [7, 30, 120, 1000] } : {}) },
    start: { similarity: 1, ...(hasTimes ? { halfLifeDays: 120 } : {}) },
    strength: affinity,
    async fit(material, point) {
      const similarity = similarities[point['similarity']!]!;
      const neighbours = await neighboursOf(
        material,
        {},
        { neighbours: NEIGHBOURS, shrinkage: 0, similarity },
      );
      return { ...neighbours, name: 'sar' };
    },
  };
}

function popularity(hasTimes: boolean): TrialModel {
  if (hasTimes) {
    return {
      name: 'popularity',
      axes: { halfLifeDays: [3, 7, 14, 30, 90, 1000] },
      start: { halfLifeDays: 30 },
      strength: power,
      fit: ({ log, now }, point) => fitRecentPopularity(log, now, point['halfLifeDays']!),
    };
  }
  return {
    name: 'popularity',
    axes: {},
    start: {},
    strength: power,
    fit: (material) => fitPopularity(dataOf(material, {})),
  };
}

/** What the customer bought before, by how often and how lately. */
const buyAgain: TrialModel = {
  name: 'buy-again',
  axes: { halfLifeDays: [15, 30, 60, 120, 240, 1000] },
  start: { halfLifeDays: 120 },
  strength: (point) => ({ power: 1, halfLifeDays: point['halfLifeDays'] }),
  fit: ({ log }) => ({
    name: 'buy-again',
    itemCount: log.itemCount,
    score(history, scores) {
      scores.fill(0);
      for (let k = 0; k < history.items.length; k++) scores[history.items[k]!] = history.weights[k]!;
    },
  }),
};

/** All that take part; times help only where the part held out comes after the rest. */
export function trialModels(itemCount: number, byTime: boolean, repeats: boolean): TrialModel[] {
  const dense = itemCount <= EASE_MAX_ITEMS ? [ease] : [];
  return [
    popularity(byTime),
    itemKnn,
    sar(byTime),
    ...(repeats ? [buyAgain] : []),
    als,
    ...dense,
    sparseRidge,
  ];
}
