import {
  type Demand,
  type Point,
  readingOf,
  type ServedLimits,
  type Trend,
  trendOf,
  weightsOf,
  withRepeatShare,
} from './assemble-served.ts';
import type { Neighbours } from './recommender.ts';
import { type ServedQuestion, type ServedScore, scoreServed, servedQuestions } from './served-lists.ts';
import type { ShopLog } from './shop-log.ts';

/** In days since 1970: models are trained on what came before `from`, with the demand until then, and asked about what came after. */
export interface WindowBounds {
  readonly from: number;
  readonly to: number;
  readonly demand: Demand;
}

export interface WindowOptions extends ServedLimits {
  readonly k: number;
  /** As the shop set it; null: to be tuned. */
  readonly buyAgainShare: number | null;
}

const MAX_QUESTIONS = 1000;
/** Scores to be computed for one point of a grid: what bounds the time on large catalogues. */
const SCORES_A_POINT = 4_000_000;

/** The items of all that was done before `until` by those who are asked about: whose weights a list of theirs can read. */
function itemsKnown(
  { offsets, items, days }: ShopLog,
  questions: readonly ServedQuestion[],
  until: number,
): Set<number> {
  const known = new Set<number>();
  for (const { user } of questions)
    for (let k = offsets[user]!; k < offsets[user + 1]! && days[k]! < until; k++) known.add(items[k]!);
  return known;
}

/** A part of the log that is held out, asked again and again what another point of the grids would have served in it. */
export class ServedWindow {
  readonly from: number;
  readonly questions: readonly ServedQuestion[];
  readonly #log: ShopLog;
  readonly #demand: Demand;
  readonly #options: WindowOptions;
  readonly #trend: Trend;
  readonly #rows: ReadonlySet<number>;
  /** Of the last weights: most points differ in how a history is read. */
  #key = '';
  #weights: Neighbours = { ids: [], weights: [] };
  #base: Neighbours | undefined;

  constructor(log: ShopLog, { from, to, demand }: WindowBounds, options: WindowOptions) {
    const limit = Math.floor(SCORES_A_POINT / Math.max(1, log.itemCount));
    this.from = from;
    this.questions = servedQuestions(log, from, to, Math.min(MAX_QUESTIONS, Math.max(200, limit)));
    this.#log = log;
    this.#demand = demand;
    this.#options = options;
    this.#trend = trendOf(log, from);
    this.#rows = itemsKnown(log, this.questions, from);
  }

  score(base: Neighbours, point: Point): ServedScore {
    const names = ['trendHalfLifeDays', 'trendPower', 'selfWeight', 'selfTrendPower'];
    const key = names.map((name) => point[name]).join('|');
    if (base !== this.#base || key !== this.#key)
      this.#weights = weightsOf(base, this.#trend, point, this.#options.width, this.#rows);
    this.#base = base;
    this.#key = key;
    const model = {
      neighbours: this.#weights,
      ...withRepeatShare(this.#demand, point['repeatShare']!),
      reading: readingOf(point, this.#options),
    };
    return scoreServed(this.#log, model, this.from, this.questions, this.#options);
  }
}
