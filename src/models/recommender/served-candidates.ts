import type { LinearAlgebra } from '../linear-algebra/linear-algebra.ts';
import { EASE_MAX_ITEMS, solveEase } from './ease.ts';
import type { Axes } from './grid-climb.ts';
import { normaliseRows } from './interactions.ts';
import { fitItemNeighbours } from './item-neighbours.ts';
import { densePairs, gramMatrix, type ItemPairs, rememberedPairs, sparsePairs } from './item-pairs.ts';
import type { Neighbours } from './recommender.ts';
import { type ShopLog, trainingInteractions } from './shop-log.ts';
import { solveSparseRidge } from './sparse-ridge.ts';

type Point = Readonly<Record<string, number>>;

/** A way to come by item-item weights, with the grid of its options. */
export interface ServedCandidate {
  readonly name: string;
  readonly axes: Axes;
  readonly start: Point;
  /** Weights from what happened before `until`, the strongest `KEPT` of each item. */
  fit(log: ShopLog, until: number, point: Point): Promise<Neighbours>;
}

/** Wider than what is published: the trend of demand reorders them before they are cut. */
const KEPT = 150;
const SPARSE_CANDIDATES = 100;
/** Beyond, an inverse takes longer than the regressions on the hundred most alike, which then are about as good. */
const DENSE_MAX_ITEMS = 1500;
const TRAINING_HALF_LIFE_DAYS = 180;
/**
 * The most wanted items, on which a search chooses the options of a way: nearly every list is filled from there, and the pairs of ten thousand items
 * take a matrix that no cache holds.
 */
export const SEARCHED_ITEMS = 4000;

const interactionsBefore = (log: ShopLog, until: number, point: Point) =>
  trainingInteractions(log, until, {
    power: point['strengthPower']!,
    halfLifeDays: TRAINING_HALF_LIFE_DAYS,
  });

const itemKnn: ServedCandidate = {
  name: 'item-knn',
  axes: { shrinkage: [0, 2, 5, 20, 100], strengthPower: [0, 0.5, 1] },
  start: { shrinkage: 5, strengthPower: 0.5 },
  async fit(log, until, point) {
    const data = interactionsBefore(log, until, point);
    return fitItemNeighbours(data, { neighbours: KEPT, shrinkage: point['shrinkage']! }).toNeighbours(KEPT);
  },
};

interface RidgeMaterial {
  readonly pairs: ItemPairs;
  /** Where the matrix fits. */
  readonly gram: Float32Array | undefined;
  readonly meanDiagonal: number;
}

/** One product of the histories serves every lambda; the last one is kept. */
class RidgeMaterials {
  readonly #algebra: LinearAlgebra;
  #log: ShopLog | undefined;
  #key = '';
  #last: Promise<RidgeMaterial> | undefined;

  constructor(algebra: LinearAlgebra) {
    this.#algebra = algebra;
  }

  get(log: ShopLog, until: number, point: Point): Promise<RidgeMaterial> {
    const key = `${until}|${point['rowNormalisation']}|${point['strengthPower']}`;
    if (this.#last === undefined || log !== this.#log || key !== this.#key)
      this.#last = this.#make(log, until, point);
    this.#log = log;
    this.#key = key;
    return this.#last;
  }

  async #make(log: ShopLog, until: number, point: Point): Promise<RidgeMaterial> {
    const data = normaliseRows(interactionsBefore(log, until, point), point['rowNormalisation']!);
    const gram = data.itemCount <= EASE_MAX_ITEMS ? await gramMatrix(data, this.#algebra) : undefined;
    const all = gram ? densePairs(gram, data.itemCount) : sparsePairs(data, SPARSE_CANDIDATES);
    // Of more than are searched on, one lambda is asked for.
    const pairs = data.itemCount <= SEARCHED_ITEMS ? rememberedPairs(all) : all;
    // Over the head: what is tuned there holds for the whole.
    const head = pairs.diagonal.subarray(0, SEARCHED_ITEMS);
    const total = head.reduce((sum, own) => sum + own, 0);
    const present = head.reduce((count, own) => count + (own > 0 ? 1 : 0), 0);
    return { pairs, gram, meanDiagonal: Math.max(1e-9, total / Math.max(1, present)) };
  }
}

/** The ridge as multiples of the mean of the Gram matrix's diagonal: one grid for shops of every size, and for more data later. */
function ridge(algebra: LinearAlgebra): ServedCandidate {
  const materials = new RidgeMaterials(algebra);
  return {
    name: 'ridge',
    axes: {
      lambda: [0.25, 0.6, 1.5, 3, 6, 12, 25, 50, 100],
      rowNormalisation: [0, 0.5, 1],
      strengthPower: [0, 0.5, 1],
    },
    start: { lambda: 3, rowNormalisation: 0.5, strengthPower: 0.5 },
    async fit(log, until, point) {
      const { pairs, gram, meanDiagonal } = await materials.get(log, until, point);
      const lambda = point['lambda']! * meanDiagonal;
      const model =
        gram && log.itemCount <= DENSE_MAX_ITEMS
          ? await solveEase(gram, log.itemCount, { lambda }, algebra)
          : await solveSparseRidge(pairs, { lambda, candidates: SPARSE_CANDIDATES }, algebra);
      return model.toNeighbours(KEPT);
    },
  };
}

/** The one without weights first. */
export function servedCandidates(algebra: LinearAlgebra): ServedCandidate[] {
  const none: ServedCandidate = {
    name: 'popularity',
    axes: {},
    start: {},
    fit: async (log) => {
      const ids = Array.from({ length: log.itemCount }, () => new Int32Array(0));
      return { ids, weights: ids.map(() => new Float32Array(0)) };
    },
  };
  return [none, itemKnn, ridge(algebra)];
}
