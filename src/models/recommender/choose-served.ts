import {
  type Demand,
  NO_HABITS,
  type Point,
  readingOf,
  type ServedLimits,
  type Trend,
  trendOf,
  weightsOf,
  withRepeatShare,
} from './assemble-served.ts';
import { type Axes, climbGrid } from './grid-climb.ts';
import type { Neighbours } from './recommender.ts';
import type { ServedCandidate } from './served-candidates.ts';
import {
  meanOf,
  type ServedQuestion,
  type ServedScore,
  scoreServed,
  servedQuestions,
} from './served-lists.ts';
import type { ShopLog } from './shop-log.ts';

export interface ServedSearch extends ServedLimits {
  readonly log: ShopLog;
  readonly candidates: readonly ServedCandidate[];
  /** The window that chooses, in days since 1970: models are trained on what came before `from`. */
  readonly from: number;
  readonly to: number;
  readonly demand: Demand;
  readonly k: number;
  /** As the shop set it; null: to be tuned. */
  readonly buyAgainShare: number | null;
  readonly onStep?: (step: string) => void;
}

interface ServedScores {
  /** Mean of the two tasks. */
  readonly ndcg: number;
  readonly next: number;
  readonly fresh: number;
}

export interface ServedChoice {
  readonly candidate: ServedCandidate;
  readonly candidatePoint: Point;
  readonly point: Point;
  readonly questions: number;
  readonly scores: Readonly<Record<string, ServedScores>>;
}

/** Fewer customers who bought in the window choose by chance. */
const MIN_QUESTIONS = 30;
const MAX_QUESTIONS = 1000;
/** Scores to be computed for one point of a grid: what bounds the time on large catalogues. */
const SCORES_A_POINT = 4_000_000;
const NO_DECAY_DAYS = 100_000;

const tasteAxes: Axes = {
  trendPower: [0, 0.25, 0.5, 0.75, 1],
  trendHalfLifeDays: [3, 7, 14, 30],
  historyHalfLifeDays: [15, 30, 60, 120, 240, NO_DECAY_DAYS],
  historyPower: [0.5, 1],
  popularityWeight: [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3],
};
const repeatAxes: Axes = {
  repeatWeight: [0.01, 0.03, 0.1, 0.3, 1],
  selfWeight: [0, 0.1, 0.3, 1, 3],
  selfTrendPower: [0, 0.25, 0.5],
  dueAfter: [0.1, 0.2, 0.35, 0.5, 0.75],
  repeatShare: [0.05, 0.1, 0.15, 0.25, 0.4],
  repeatPower: [0, 0.5, 1, 1.5],
  repeatSharePower: [0, 0.5, 1],
  repeatHalfLifeDays: [15, 30, 60, 120, 240, NO_DECAY_DAYS],
  habitPurchases: [2, 3, 5, NO_HABITS],
};
const capAxes: Axes = { buyAgainShare: [0.3, 0.5, 0.7, 0.9, 1] };
/** What is used where nothing can choose. */
export const defaultServedPoint: Point = Object.freeze({
  trendPower: 0,
  trendHalfLifeDays: 14,
  historyHalfLifeDays: 120,
  historyPower: 1,
  popularityWeight: 0.01,
  repeatWeight: 1,
  selfWeight: 0,
  selfTrendPower: 0,
  dueAfter: 0.5,
  repeatShare: 0.25,
  repeatPower: 0,
  repeatSharePower: 1,
  repeatHalfLifeDays: 120,
  habitPurchases: NO_HABITS,
  buyAgainShare: 0.5,
});

/** Where the climb of the taste starts: without a trend its half-life moves nothing, so that one start beside it has one. */
const TASTE_STARTS: readonly Point[] = [{}, { trendPower: 1, trendHalfLifeDays: 7 }];

interface Tuned {
  readonly candidate: ServedCandidate;
  readonly candidatePoint: Point;
  readonly base: Neighbours;
  readonly point: Point;
  /** nDCG of new products, of each question. */
  readonly fresh: Float64Array;
  readonly scores: ServedScores;
}

function meansOf({ next, fresh }: ServedScore): ServedScores {
  const means = { next: meanOf(next), fresh: meanOf(fresh) };
  return { ndcg: (means.next + means.fresh) / 2, ...means };
}

/** The best by both tasks; one without weights where, of new products, it is within a standard error (of the paired difference) of that. */
function bestOf(tuned: readonly Tuned[]): Tuned {
  const best = tuned.reduce((a, b) => (b.scores.ndcg > a.scores.ndcg ? b : a));
  const isAbout = ({ fresh }: Tuned): boolean => {
    const differences = fresh.map((value, at) => best.fresh[at]! - value);
    const mean = meanOf(differences);
    const variance = meanOf(differences.map((difference) => (difference - mean) ** 2));
    return mean <= Math.sqrt(variance / Math.max(1, differences.length));
  };
  return tuned.find((each) => !hasWeights(each.base) && isAbout(each)) ?? best;
}

const hasWeights = ({ ids }: Neighbours): boolean => ids.some((row) => row.length > 0);

class Search {
  readonly #search: ServedSearch;
  readonly #questions: readonly ServedQuestion[];
  readonly #trend: Trend;
  /** Of the last weights: most points differ in how a history is read. */
  #key = '';
  #weights: Neighbours = { ids: [], weights: [] };
  #base: Neighbours | undefined;

  constructor(search: ServedSearch, questions: readonly ServedQuestion[]) {
    this.#search = search;
    this.#questions = questions;
    this.#trend = trendOf(search.log, search.from);
  }

  #score(base: Neighbours, point: Point) {
    const { log, from, demand, k, buyAgainShare } = this.#search;
    const names = ['trendHalfLifeDays', 'trendPower', 'selfWeight', 'selfTrendPower'];
    const key = names.map((name) => point[name]).join('|');
    if (base !== this.#base || key !== this.#key)
      this.#weights = weightsOf(base, this.#trend, point, this.#search.width);
    this.#base = base;
    this.#key = key;
    const model = {
      neighbours: this.#weights,
      ...withRepeatShare(demand, point['repeatShare']!),
      reading: readingOf(point, this.#search),
    };
    return scoreServed(log, model, from, this.#questions, { k, buyAgainShare });
  }

  /** Its own options by the lists of a plain reading, then the trend and the reading of its lists, then what is bought again. */
  async tuneCandidate(candidate: ServedCandidate): Promise<Tuned> {
    const { log, from, onStep } = this.#search;
    onStep?.(`tuning ${candidate.name}`);
    const known = new Map<string, Neighbours>();
    const { point: candidatePoint } = await climbGrid(candidate.axes, [candidate.start], async (at) => {
      const base = await candidate.fit(log, from, at);
      known.set(JSON.stringify(at), base);
      return meanOf(this.#score(base, defaultServedPoint).fresh);
    });
    const base = known.get(JSON.stringify(candidatePoint))!;
    const taste = hasWeights(base) ? await this.#tuneTaste(base) : defaultServedPoint;
    const point = await this.#tuneRepetition(base, taste);
    const score = this.#score(base, point);
    return { candidate, candidatePoint, base, point, fresh: score.fresh, scores: meansOf(score) };
  }

  #tuneTaste(base: Neighbours): Promise<Point> {
    return this.#climb(base, tasteAxes, defaultServedPoint, TASTE_STARTS, ({ fresh }) => fresh);
  }

  #tuneRepetition(base: Neighbours, taste: Point): Promise<Point> {
    const axes = this.#search.buyAgainShare === null ? { ...repeatAxes, ...capAxes } : repeatAxes;
    return this.#climb(base, axes, taste, [{}], ({ ndcg }) => ndcg);
  }

  /** The best point of the axes; of other options, and where a start says nothing of an axis, that of `around`. */
  async #climb(
    base: Neighbours,
    axes: Axes,
    around: Point,
    starts: readonly Point[],
    value: (scores: ServedScores) => number,
  ): Promise<Point> {
    const own = Object.fromEntries(Object.keys(axes).map((name) => [name, around[name]!]));
    const { point } = await climbGrid(
      axes,
      starts.map((start) => ({ ...own, ...start })),
      async (at) => value(meansOf(this.#score(base, { ...around, ...at }))),
    );
    return { ...around, ...point };
  }
}

/**
 * Chooses what a shop publishes by what its customers bought in the window: item-item weights, their trend and the reading by the new
 * products that a list would have named, then what is bought again by both tasks, which also choose among the ways to come by weights.
 * @returns undefined where fewer than 30 customers bought in the window
 */
export async function chooseServed(search: ServedSearch): Promise<ServedChoice | undefined> {
  const limit = Math.min(
    MAX_QUESTIONS,
    Math.max(200, Math.floor(SCORES_A_POINT / Math.max(1, search.log.itemCount))),
  );
  const questions = servedQuestions(search.log, search.from, search.to, limit);
  if (questions.length < MIN_QUESTIONS) return undefined;
  const all = new Search(search, questions);
  const tuned: Tuned[] = [];
  for (const candidate of search.candidates) tuned.push(await all.tuneCandidate(candidate));
  const best = bestOf(tuned);
  return {
    candidate: best.candidate,
    candidatePoint: best.candidatePoint,
    point: best.point,
    questions: questions.length,
    scores: {
      ...Object.fromEntries(tuned.map((each) => [each.candidate.name, each.scores])),
      served: best.scores,
    },
  };
}
