import { rankingMetrics } from './ranking-metrics.ts';
import type { Neighbours } from './recommender.ts';
import {
  HistoryReader,
  type HistoryReading,
  lastPurchases,
  type OwnPurchases,
  ownPurchases,
  purchasesWithin,
  type ShopLog,
} from './shop-log.ts';
import { TopItems } from './top-items.ts';

/** Of each item, what decides whether and when it is offered again. */
export interface Repetition {
  readonly isRepeated: Uint8Array;
  readonly share: Float32Array;
  readonly intervalDays: Float32Array;
}

/** What a shop publishes and how it is read. */
export interface ServedModel {
  readonly neighbours: Neighbours;
  /** Demand of each item, 1 for the most wanted. */
  readonly popularity: Float32Array;
  readonly repetition: Repetition;
  readonly reading: HistoryReading & {
    readonly repeatWeight: number;
    readonly dueAfter: number;
    readonly popularityWeight: number;
    readonly repeatPower: number;
    readonly repeatSharePower: number;
    readonly repeatHalfLifeDays: number;
    readonly habitPurchases: number | null;
    readonly buyAgainShare: number;
  };
}

export interface ListOptions {
  readonly k: number;
  /** What is due stands first in this part of a list at most; null: as the model was tuned. */
  readonly buyAgainShare: number | null;
}

/** A list reads so many pairs of weights, shared among the products of the history by their weights, as app_schema.read_weights does. */
const PAIRS_A_LIST = 200;

/**
 * The lists that app_schema.get_recommendations makes of a published model, without rules of the shop and options of the reader: what
 * tuning asks thousands of times, and SQL answers when the result is judged. What is known by content alone is left out.
 */
class ServedLists {
  readonly #log: ShopLog;
  readonly #model: ServedModel;
  readonly #reader: HistoryReader;
  readonly #scores: Float64Array;
  readonly #due: Float64Array;
  readonly #popular: Float64Array;
  readonly #top: TopItems;

  constructor(log: ShopLog, model: ServedModel, k: number) {
    this.#log = log;
    this.#model = model;
    this.#reader = new HistoryReader(log, model.reading);
    this.#scores = new Float64Array(log.itemCount);
    this.#due = new Float64Array(log.itemCount);
    this.#popular = Float64Array.from(model.popularity, (popularity) =>
      popularity > 0 ? model.reading.popularityWeight * popularity : Number.NEGATIVE_INFINITY,
    );
    this.#top = new TopItems(Math.min(k, log.itemCount));
  }

  /** `next` with what is due again, `fresh` without anything that was bought. */
  lists(user: number, now: number, options: ListOptions): { next: Int32Array; fresh: Int32Array } {
    this.#fill(user, now);
    const anyDue = this.#moveDue(user, now);
    const fresh = this.#top.select(this.#scores);
    return { fresh, next: anyDue ? this.#merge(fresh, options) : fresh };
  }

  #fill(user: number, now: number): void {
    const { neighbours } = this.#model;
    const scores = this.#scores;
    scores.set(this.#popular);
    const history = this.#reader.history(user, now);
    history.items.forEach((item, k) => {
      const ids = neighbours.ids[item]!;
      const weights = neighbours.weights[item]!;
      const read = Math.min(ids.length, Math.ceil(PAIRS_A_LIST * history.weights[k]!));
      for (let m = 0; m < read; m++) {
        const other = ids[m]!;
        // What nobody wanted lately is a candidate where something speaks for it.
        if (scores[other] === Number.NEGATIVE_INFINITY) scores[other] = 0;
        scores[other]! += history.weights[k]! * weights[m]!;
      }
    });
  }

  /** Takes what was bought out of the scores; what is due goes to scores of its own. */
  #moveDue(user: number, now: number): boolean {
    const { share } = this.#model.repetition;
    const { repeatWeight, repeatPower, repeatSharePower, repeatHalfLifeDays } = this.#model.reading;
    this.#due.fill(Number.NEGATIVE_INFINITY);
    let any = false;
    for (const [item, own] of ownPurchases(this.#log, user, now, repeatHalfLifeDays)) {
      if (this.#isDue(item, own, now)) {
        const repeats = share[item]! ** repeatSharePower * own.times ** repeatPower;
        this.#due[item] = Math.max(0, this.#scores[item]!) + repeatWeight * repeats;
        any = true;
      }
      this.#scores[item] = Number.NEGATIVE_INFINITY;
    }
    return any;
  }

  #isDue(item: number, { first, last, purchases }: OwnPurchases, now: number): boolean {
    const { isRepeated, intervalDays } = this.#model.repetition;
    const { habitPurchases, dueAfter } = this.#model.reading;
    const isHabit = habitPurchases !== null && purchases >= habitPurchases && last >= first + 1;
    if (isRepeated[item] === 0 && !isHabit) return false;
    const days = intervalDays[item]! || (last - first) / (purchases - 1);
    return now >= last + dueAfter * days;
  }

  #merge(fresh: Int32Array, { k, buyAgainShare }: ListOptions): Int32Array {
    const due = this.#top.select(this.#due);
    const places = Math.ceil(k * (buyAgainShare ?? this.#model.reading.buyAgainShare));
    const first = [...due.subarray(0, places), ...fresh].sort(
      (a, b) => this.#scoreOf(b) - this.#scoreOf(a) || a - b,
    );
    return Int32Array.from([...first, ...due.subarray(places)].slice(0, k));
  }

  #scoreOf(item: number): number {
    return Math.max(this.#scores[item]!, this.#due[item]!);
  }
}

/** A customer who bought in the window, and what. */
export interface ServedQuestion {
  readonly user: number;
  readonly wanted: Int32Array;
  /** Of those, what the customer had not bought before. */
  readonly fresh: Int32Array;
}

/** Customers with a purchase from `from` up to `to`, at most `limit`, spread evenly. */
export function servedQuestions(log: ShopLog, from: number, to: number, limit: number): ServedQuestion[] {
  const all: ServedQuestion[] = [];
  for (let user = 0; user + 1 < log.offsets.length; user++) {
    const wanted = purchasesWithin(log, user, from, to);
    if (wanted.length === 0) continue;
    const before = lastPurchases(log, user, from);
    all.push({ user, wanted, fresh: wanted.filter((item) => !before.has(item)) });
  }
  const step = Math.max(1, all.length / limit);
  return Array.from({ length: Math.min(all.length, limit) }, (_, at) => all[Math.floor(at * step)]!);
}

export interface ServedScore {
  /** nDCG of each question: the next purchases, repeats included. */
  readonly next: Float64Array;
  /** nDCG of new products only, of the questions that have one. */
  readonly fresh: Float64Array;
}

function ndcg(list: Int32Array, wanted: Int32Array, k: number): number {
  const set = new Set(wanted);
  return rankingMetrics(list, (item) => set.has(item), wanted.length, k).ndcg;
}

/** nDCG of both tasks that a served list has, as of `now`. */
export function scoreServed(
  log: ShopLog,
  model: ServedModel,
  now: number,
  questions: readonly ServedQuestion[],
  options: ListOptions,
): ServedScore {
  const reader = new ServedLists(log, model, options.k);
  const next: number[] = [];
  const fresh: number[] = [];
  for (const question of questions) {
    const lists = reader.lists(question.user, now, options);
    next.push(ndcg(lists.next, question.wanted, options.k));
    if (question.fresh.length > 0) fresh.push(ndcg(lists.fresh, question.fresh, options.k));
  }
  return { next: Float64Array.from(next), fresh: Float64Array.from(fresh) };
}

export function meanOf(values: Float64Array): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
