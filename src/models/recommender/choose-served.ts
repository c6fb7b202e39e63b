import { headOfDemand, NO_HABITS, type Point } from './assemble-served.ts';
import { type Axes, climbGrid } from './grid-climb.ts';
import { headOfLog } from './log-sample.ts';
import type { Neighbours } from './recommender.ts';
import { SEARCHED_ITEMS, type ServedCandidate } from './served-candidates.ts';
import { meanOf, type ServedScore } from './served-lists.ts';
import { ServedWindow, type WindowBounds, type WindowOptions } from './served-window.ts';
import type { ShopLog } from './shop-log.ts';

export interface ServedSearch extends WindowOptions {
  readonly log: ShopLog;
  readonly candidates: readonly ServedCandidate[];
  /** What chooses, the latest first. */
  readonly windows: readonly WindowBounds[];
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
  /** Asked in all windows. */
  readonly questions: number;
  /** In the latest window. */
  readonly scores: Readonly<Record<string, ServedScores>>;
}

/** Fewer customers who bought in the window choose by chance. */
const MIN_QUESTIONS = 30;
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
  readonly point: Point;
  readonly hasWeights: boolean;
  /** Of each window, the latest first. */
  readonly scores: readonly ServedScore[];
}

function meansOf({ next, fresh }: ServedScore): ServedScores {
  const means = { next: meanOf(next), fresh: meanOf(fresh) };
  return { ndcg: (means.next + means.fresh) / 2, ...means };
}

const meanOver = (scores: readonly ServedScore[], value: (means: ServedScores) => number): number =>
  scores.reduce((sum, score) => sum + value(meansOf(score)), 0) / scores.length;

const ndcgOf = ({ scores }: Tuned): number => meanOver(scores, ({ ndcg }) => ndcg);

/** nDCG of new products, question by question. */
const freshOf = ({ scores }: Tuned): number[] => scores.flatMap(({ fresh }) => [...fresh]);

/** The best by both tasks; one without weights where, of new products, it is within a standard error (of the paired difference) of that. */
function bestOf(tuned: readonly Tuned[]): Tuned {
  const best = tuned.reduce((a, b) => (ndcgOf(b) > ndcgOf(a) ? b : a));
  const reached = freshOf(best);
  const isAbout = (each: Tuned): boolean => {
    const differences = Float64Array.from(freshOf(each), (value, at) => reached[at]! - value);
    const mean = meanOf(differences);
    const variance = meanOf(differences.map((difference) => (difference - mean) ** 2));
    return mean <= Math.sqrt(variance / Math.max(1, differences.length));
  };
  return tuned.find((each) => !each.hasWeights && isAbout(each)) ?? best;
}

const hasWeights = ({ ids }: Neighbours): boolean => ids.some((row) => row.length > 0);

class Search {
  readonly #search: ServedSearch;
  readonly #windows: readonly ServedWindow[];
  readonly #headLog: ShopLog;
  /** The latest window, of the most wanted items alone. */
  readonly #head: ServedWindow;

  constructor(search: ServedSearch, windows: readonly ServedWindow[]) {
    const bounds = search.windows[0]!;
    this.#search = search;
    this.#windows = windows;
    this.#headLog = headOfLog(search.log, SEARCHED_ITEMS);
    this.#head =
      this.#headLog === search.log
        ? windows[0]!
        : new ServedWindow(
            this.#headLog,
            { ...bounds, demand: headOfDemand(bounds.demand, SEARCHED_ITEMS) },
            search,
          );
  }

  /** What each window says of weights that were fitted for it. */
  #score(bases: readonly Neighbours[], point: Point): ServedScore[] {
    return bases.map((base, at) => this.#windows[at]!.score(base, point));
  }

  /** Its own options, by the lists of a plain reading. */
  async #tuneOptions(candidate: ServedCandidate): Promise<Point> {
    const { point } = await climbGrid(candidate.axes, [candidate.start], async (at) => {
      const base = await candidate.fit(this.#headLog, this.#head.from, at);
      return meanOf(this.#head.score(base, defaultServedPoint).fresh);
    });
    return point;
  }

  /** Its own options; then, in all windows, the trend and the reading of its lists, and what is bought again. */
  async tuneCandidate(candidate: ServedCandidate): Promise<Tuned> {
    this.#search.onStep?.(`tuning ${candidate.name}`);
    const candidatePoint = await this.#tuneOptions(candidate);
    const bases: Neighbours[] = [];
    for (const { from } of this.#windows)
      bases.push(await candidate.fit(this.#search.log, from, candidatePoint));
    const taste = hasWeights(bases[0]!) ? await this.#tuneTaste(bases) : defaultServedPoint;
    const point = await this.#tuneRepetition(bases, taste);
    return {
      candidate,
      candidatePoint,
      point,
      hasWeights: hasWeights(bases[0]!),
      scores: this.#score(bases, point),
    };
  }

  #tuneTaste(bases: readonly Neighbours[]): Promise<Point> {
    return this.#climb(bases, tasteAxes, defaultServedPoint, TASTE_STARTS, ({ fresh }) => fresh);
  }

  #tuneRepetition(bases: readonly Neighbours[], taste: Point): Promise<Point> {
    const axes = this.#search.buyAgainShare === null ? { ...repeatAxes, ...capAxes } : repeatAxes;
    return this.#climb(bases, axes, taste, [{}], ({ ndcg }) => ndcg);
  }

  /** The best point of the axes; of other options, and where a start says nothing of an axis, that of `around`. */
  async #climb(
    bases: readonly Neighbours[],
    axes: Axes,
    around: Point,
    starts: readonly Point[],
    value: (scores: ServedScores) => number,
  ): Promise<Point> {
    const own = Object.fromEntries(Object.keys(axes).map((name) => [name, around[name]!]));
    const { point } = await climbGrid(
      axes,
      starts.map((start) => ({ ...own, ...start })),
      async (at) => meanOver(this.#score(bases, { ...around, ...at }), value),
    );
    return { ...around, ...point };
  }
}

/**
 * Chooses what a shop publishes by what its customers bought in the windows: item-item weights, their trend and the reading by the new
 * products that a list would have named, then what is bought again by both tasks, which also choose among the ways to come by weights.
 * @returns undefined where fewer than 30 customers bought in the latest window; so few do not choose in another one either
 */
export async function chooseServed(search: ServedSearch): Promise<ServedChoice | undefined> {
  const [latest, ...earlier] = search.windows.map((bounds) => new ServedWindow(search.log, bounds, search));
  const canChoose = (window: ServedWindow): boolean => window.questions.length >= MIN_QUESTIONS;
  if (latest === undefined || !canChoose(latest)) return undefined;
  const windows = [latest, ...earlier.filter(canChoose)];
  const all = new Search(search, windows);
  const tuned: Tuned[] = [];
  for (const candidate of search.candidates) tuned.push(await all.tuneCandidate(candidate));
  const best = bestOf(tuned);
  const inLatest = ({ scores }: Tuned): ServedScores => meansOf(scores[0]!);
  return {
    candidate: best.candidate,
    candidatePoint: best.candidatePoint,
    point: best.point,
    questions: windows.reduce((sum, { questions }) => sum + questions.length, 0),
    scores: {
      ...Object.fromEntries(tuned.map((each) => [each.candidate.name, inLatest(each)])),
      served: inLatest(best),
    },
  };
}
