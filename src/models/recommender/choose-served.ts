import { trendFactors } from './demand-trend.ts';
import type { EventLog } from './event-log.ts';
import { type Axes, climbGrid } from './grid-climb.ts';
import type { Neighbours } from './recommender.ts';
import type { ServedCandidate } from './served-candidates.ts';
import {
  meanOf,
  type Repetition,
  type ServedModel,
  type ServedQuestion,
  scoreServed,
  servedQuestions,
} from './served-lists.ts';
import { type ShopLog, toEventLog } from './shop-log.ts';
import { TopItems } from './top-items.ts';

type Point = Readonly<Record<string, number>>;

/** What SQL knows of demand at one moment. */
export interface Demand {
  readonly popularity: Float32Array;
  readonly repetition: Repetition;
}

export interface ServedSearch {
  readonly log: ShopLog;
  readonly candidates: readonly ServedCandidate[];
  /** The window that chooses, in days since 1970: models are trained on what came before `from`. */
  readonly from: number;
  readonly to: number;
  readonly demand: Demand;
  readonly k: number;
  /** As the shop set it; null: to be tuned. */
  readonly buyAgainShare: number | null;
  /** Weights published for each product. */
  readonly width: number;
  readonly historyEvents: number;
  readonly historyProducts: number;
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

const NO_HABITS = 0;

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

type Trend = (halfLifeDays: number, power: number) => Float32Array;

/** (demand lately / in all) ^ power, scaled to a mean of 1, so that weights keep their size; the ratios of each half-life are kept. */
function trendOf(log: ShopLog, until: number): Trend {
  let events: EventLog | undefined;
  const known = new Map<number, Float32Array>();
  return (halfLifeDays, power) => {
    if (power === 0) return new Float32Array(log.itemCount).fill(1);
    events ??= toEventLog(log, until);
    const ratios = known.get(halfLifeDays) ?? trendFactors(events, until, { halfLifeDays, power: 1 });
    known.set(halfLifeDays, ratios);
    const factors = ratios.map((ratio) => ratio ** power);
    const mean = factors.reduce((sum, factor) => sum + factor, 0) / Math.max(1, factors.length);
    return factors.map((factor) => factor / (mean || 1));
  };
}

/** w_ij t_j^trendPower, with selfWeight t_j^selfTrendPower on the diagonal; the `width` largest by size. */
function withTrend(
  base: Neighbours,
  factors: Float32Array,
  selfWeights: Float32Array,
  width: number,
): Neighbours {
  const ids: Int32Array[] = [];
  const weights: Float32Array[] = [];
  const top = new TopItems(width);
  base.ids.forEach((others, item) => {
    const own = selfWeights[item]!;
    const all = own > 0 ? Int32Array.from([...others, item]) : others;
    const values = Float32Array.from(all, (other, k) =>
      k < others.length ? base.weights[item]![k]! * factors[other]! : own,
    );
    const kept = top.select(values.map(Math.abs));
    ids.push(Int32Array.from(kept, (k) => all[k]!));
    weights.push(Float32Array.from(kept, (k) => values[k]!));
  });
  return { ids, weights };
}

type Limits = Pick<ServedSearch, 'width' | 'historyEvents' | 'historyProducts'>;

function weightsOf(base: Neighbours, trend: Trend, point: Point, width: number): Neighbours {
  const days = point['trendHalfLifeDays']!;
  const self = point['selfWeight']!;
  const selfWeights = trend(days, self > 0 ? point['selfTrendPower']! : 0).map((factor) => self * factor);
  return withTrend(base, trend(days, point['trendPower']!), selfWeights, width);
}

function readingOf(point: Point, { historyEvents, historyProducts }: Limits): ServedModel['reading'] {
  const power = point['historyPower']!;
  return {
    // (s 2^(-age / H))^p = s^p 2^(-age / (H / p)): the power of a history needs no place of its own.
    viewWeight: 0.2 ** power,
    cartWeight: 0.5 ** power,
    purchaseWeight: 1,
    halfLifeDays: point['historyHalfLifeDays']! / power,
    historyEvents,
    historyProducts,
    repeatWeight: point['repeatWeight']!,
    dueAfter: point['dueAfter']!,
    popularityWeight: point['popularityWeight']!,
    repeatPower: point['repeatPower']!,
    repeatSharePower: point['repeatSharePower']!,
    repeatHalfLifeDays: point['repeatHalfLifeDays']!,
    habitPurchases: point['habitPurchases'] === NO_HABITS ? null : point['habitPurchases']!,
    buyAgainShare: point['buyAgainShare']!,
  };
}

/** What counts as bought again: of what does so with the smallest share of the grid, that with the point's. */
function withRepeatShare({ popularity, repetition }: Demand, repeatShare: number): Demand {
  const isRepeated = repetition.isRepeated.map((is, item) =>
    is === 1 && repetition.share[item]! >= Math.fround(repeatShare) ? 1 : 0,
  );
  return { popularity, repetition: { ...repetition, isRepeated } };
}

/** All that is published and read, from weights, demand and a point of the grids. */
export function assembleServed(
  log: ShopLog,
  limits: Limits,
  base: Neighbours,
  until: number,
  demand: Demand,
  point: Point,
): ServedModel {
  const neighbours = weightsOf(base, trendOf(log, until), point, limits.width);
  return {
    neighbours,
    ...withRepeatShare(demand, point['repeatShare']!),
    reading: readingOf(point, limits),
  };
}

interface Tuned {
  readonly candidate: ServedCandidate;
  readonly point: Point;
  readonly base: Neighbours;
  readonly fresh: Float64Array;
}

/** The first of those in order of simplicity whose mean is within one standard error (of the paired difference) of the best. */
function simplestOfTheBest(tuned: readonly Tuned[]): Tuned {
  const best = tuned.reduce((a, b) => (meanOf(b.fresh) > meanOf(a.fresh) ? b : a));
  return tuned.find(({ fresh }) => {
    const differences = fresh.map((value, at) => best.fresh[at]! - value);
    const mean = meanOf(differences);
    const variance = meanOf(differences.map((difference) => (difference - mean) ** 2));
    return mean <= Math.sqrt(variance / Math.max(1, differences.length));
  })!;
}

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

  scores(base: Neighbours, point: Point): ServedScores {
    const { next, fresh } = this.#score(base, point);
    return {
      ndcg: (meanOf(next) + meanOf(fresh)) / 2,
      next: meanOf(next),
      fresh: meanOf(fresh),
    };
  }

  async tuneCandidate(candidate: ServedCandidate): Promise<Tuned> {
    const { log, from, onStep } = this.#search;
    onStep?.(`tuning ${candidate.name}`);
    const known = new Map<string, Neighbours>();
    const { point } = await climbGrid(candidate.axes, candidate.start, async (at) => {
      const base = await candidate.fit(log, from, at);
      known.set(JSON.stringify(at), base);
      return meanOf(this.#score(base, defaultServedPoint).fresh);
    });
    const base = known.get(JSON.stringify(point)) ?? (await candidate.fit(log, from, point));
    return { candidate, point, base, fresh: this.#score(base, defaultServedPoint).fresh };
  }

  async tuneReading(base: Neighbours): Promise<Point> {
    this.#search.onStep?.('tuning how a history is read');
    const climb = async (
      axes: Axes,
      around: Point,
      value: (scores: ServedScores) => number,
    ): Promise<Point> => {
      const start = Object.fromEntries(Object.keys(axes).map((name) => [name, around[name]!]));
      const { point } = await climbGrid(axes, start, async (at) =>
        value(this.scores(base, { ...around, ...at })),
      );
      return { ...around, ...point };
    };
    const taste = await climb(tasteAxes, defaultServedPoint, ({ fresh }) => fresh);
    const axes = this.#search.buyAgainShare === null ? { ...repeatAxes, ...capAxes } : repeatAxes;
    return climb(axes, taste, ({ ndcg }) => ndcg);
  }
}

/**
 * Chooses what a shop publishes by what its customers bought in the window: item-item weights by the new products that a list would have
 * named, then the trend and the reading by those, then what is bought again by both tasks. Of candidates about as good, the simplest.
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
  const { candidate, point: candidatePoint, base } = simplestOfTheBest(tuned);
  const point = await all.tuneReading(base);
  return {
    candidate,
    candidatePoint,
    point,
    questions: questions.length,
    scores: {
      ...Object.fromEntries(
        tuned.map((each) => [each.candidate.name, all.scores(each.base, defaultServedPoint)]),
      ),
      served: all.scores(base, point),
    },
  };
}
