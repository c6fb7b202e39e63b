import type { EventLog } from './event-log.ts';
import type { History, Interactions } from './interactions.ts';

/** Kinds of events that say something of a taste: 0 view, 1 cart, 2 purchase, 3 refund. */
export const PURCHASE = 2;
const REFUND = 3;

/** What customers did in a shop, one row a customer, in order of time. */
export interface ShopLog {
  readonly itemCount: number;
  /** Row u is at offsets[u] … offsets[u+1]-1; length customers + 1. */
  readonly offsets: Int32Array;
  readonly items: Int32Array;
  /** Days since 1970. */
  readonly days: Float64Array;
  /** 0 view, 1 cart, 2 purchase, 3 refund. */
  readonly kinds: Uint8Array;
}

/** How a history is read: as app_schema.get_recommendations does, whose parameters these are. */
export interface HistoryReading {
  readonly viewWeight: number;
  readonly cartWeight: number;
  readonly purchaseWeight: number;
  /** Age counts from the customer's own last event. */
  readonly halfLifeDays: number;
  /** The latest so many events, and of their products the weightiest so many. */
  readonly historyEvents: number;
  readonly historyProducts: number;
}

/** Everything, for training: who bought much is dampened by row normalisation, not cut off here. */
const WHOLE = Number.POSITIVE_INFINITY;
/** Halved so often a weight is nothing, and still in the range of 32 bits. */
const MAX_HALVINGS = 100;

/** The number of events of row `user` before `until`. */
function eventsBefore(log: ShopLog, user: number, until: number): [from: number, to: number] {
  let to = log.offsets[user + 1]!;
  const from = log.offsets[user]!;
  while (to > from && log.days[to - 1]! >= until) to--;
  return [from, to];
}

/** Reads histories; holds arrays as large as the catalogue, so that one reader serves all customers. */
export class HistoryReader {
  readonly #log: ShopLog;
  readonly #reading: HistoryReading;
  readonly #strength: Float64Array;
  readonly #seen: Uint8Array;
  readonly #returned: Uint8Array;

  constructor(log: ShopLog, reading: HistoryReading) {
    this.#log = log;
    this.#reading = reading;
    this.#strength = new Float64Array(log.itemCount);
    this.#seen = new Uint8Array(log.itemCount);
    this.#returned = new Uint8Array(log.itemCount);
  }

  /** The strongest of each product's events after its last refund, decayed; the weightiest first, ties by item. */
  read(user: number, until: number): { items: Int32Array; weights: Float64Array } {
    const { days, items, kinds } = this.#log;
    const { viewWeight, cartWeight, purchaseWeight, halfLifeDays, historyEvents, historyProducts } =
      this.#reading;
    const weights = [viewWeight, cartWeight, purchaseWeight];
    const [start, to] = eventsBefore(this.#log, user, until);
    const from = Math.max(start, to - historyEvents);
    const newest = to > from ? days[to - 1]! : 0;
    const touched: number[] = [];
    for (let k = to - 1; k >= from; k--) {
      const item = items[k]!;
      if (this.#seen[item] === 0) touched.push(item);
      this.#seen[item] = 1;
      if (kinds[k] === REFUND) this.#returned[item] = 1;
      else if (this.#returned[item] === 0) {
        const strength =
          weights[kinds[k]!]! * 2 ** -Math.min(MAX_HALVINGS, (newest - days[k]!) / halfLifeDays);
        this.#strength[item] = Math.max(this.#strength[item]!, strength);
      }
    }
    const kept = touched
      .filter((item) => this.#strength[item]! > 0)
      .sort((a, b) => this.#strength[b]! - this.#strength[a]! || a - b)
      .slice(0, historyProducts);
    const read = Float64Array.from(kept, (item) => this.#strength[item]!);
    for (const item of touched) {
      this.#strength[item] = 0;
      this.#seen[item] = 0;
      this.#returned[item] = 0;
    }
    return { items: Int32Array.from(kept), weights: read };
  }

  /** The same with weights that sum to 1: h of score(j) = sum of h(i) w(i, j). */
  history(user: number, until: number): History {
    const { items, weights } = this.read(user, until);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { items, weights: Float32Array.from(weights, (weight) => weight / total) };
  }
}

/** How events become what item-item weights are trained on. */
export interface TrainingSignals {
  /** 0: taken or not; 1: as strong as it was. */
  readonly power: number;
  readonly halfLifeDays: number;
}

const SIGNALS = { viewWeight: 0.2, cartWeight: 0.5, purchaseWeight: 1 };

/** Customers' histories before `until` as they train; those without one are left out. */
export function trainingInteractions(log: ShopLog, until: number, signals: TrainingSignals): Interactions {
  const reader = new HistoryReader(log, {
    ...SIGNALS,
    halfLifeDays: signals.halfLifeDays,
    historyEvents: WHOLE,
    historyProducts: WHOLE,
  });
  const offsets = [0];
  const items = new Int32Array(log.items.length);
  const weights = new Float32Array(log.items.length);
  let size = 0;
  for (let user = 0; user + 1 < log.offsets.length; user++) {
    const row = reader.read(user, until);
    if (row.items.length === 0) continue;
    items.set(row.items, size);
    row.weights.forEach((weight, k) => {
      weights[size + k] = Math.max(1e-9, weight ** signals.power);
    });
    size += row.items.length;
    offsets.push(size);
  }
  return {
    itemCount: log.itemCount,
    offsets: Int32Array.from(offsets),
    items: items.subarray(0, size),
    weights: weights.subarray(0, size),
  };
}

/** What each customer bought before `until`: item to the day of the last time. */
export function lastPurchases(log: ShopLog, user: number, until: number): Map<number, number> {
  const [from, to] = eventsBefore(log, user, until);
  const bought = new Map<number, number>();
  for (let k = from; k < to; k++) if (log.kinds[k] === PURCHASE) bought.set(log.items[k]!, log.days[k]!);
  return bought;
}

/** A customer's purchases of one product. */
export interface OwnPurchases {
  first: number;
  last: number;
  purchases: number;
  /** The same, each halved every so many days before the customer's last purchase of anything. */
  times: number;
}

/** What a customer bought before `until`, by item. */
export function ownPurchases(
  log: ShopLog,
  user: number,
  until: number,
  halfLifeDays: number,
): Map<number, OwnPurchases> {
  const [from, to] = eventsBefore(log, user, until);
  const bought = new Map<number, OwnPurchases>();
  const decay = (day: number) => 2 ** -Math.min(MAX_HALVINGS, (until - day) / halfLifeDays);
  let newest = until;
  for (let k = from; k < to; k++) {
    if (log.kinds[k] !== PURCHASE) continue;
    const day = log.days[k]!;
    const own = bought.get(log.items[k]!);
    if (own === undefined)
      bought.set(log.items[k]!, { first: day, last: day, purchases: 1, times: decay(day) });
    else {
      own.last = day;
      own.purchases++;
      own.times += decay(day);
    }
    newest = day;
  }
  for (const own of bought.values()) own.times /= decay(newest);
  return bought;
}

/** What each customer bought from `from` up to but not including `to`, each item once. */
export function purchasesWithin(log: ShopLog, user: number, from: number, to: number): Int32Array {
  const bought = new Set<number>();
  for (let k = log.offsets[user]!; k < log.offsets[user + 1]!; k++)
    if (log.kinds[k] === PURCHASE && log.days[k]! >= from && log.days[k]! < to) bought.add(log.items[k]!);
  return Int32Array.from(bought);
}

/** Customers whose first event is before `until` (`isKnown`), or after it. */
export function hasHistory(log: ShopLog, user: number, until: number): boolean {
  const [from, to] = eventsBefore(log, user, until);
  return to > from;
}

/** What happened before `until` as the other recommenders are trained on it: strengths by kind, refunds left out; all rows stay. */
export function toEventLog(log: ShopLog, until: number): EventLog {
  const byKind = [SIGNALS.viewWeight, SIGNALS.cartWeight, SIGNALS.purchaseWeight];
  const most = log.items.length;
  const offsets = new Int32Array(log.offsets.length);
  const items = new Int32Array(most);
  const times = new Float64Array(most);
  const strengths = new Float32Array(most);
  const isTaken = new Uint8Array(most);
  let size = 0;
  for (let user = 0; user + 1 < log.offsets.length; user++) {
    const [from, to] = eventsBefore(log, user, until);
    for (let k = from; k < to; k++) {
      const kind = log.kinds[k]!;
      if (kind === REFUND) continue;
      items[size] = log.items[k]!;
      times[size] = log.days[k]!;
      strengths[size] = byKind[kind]!;
      isTaken[size++] = kind === PURCHASE ? 1 : 0;
    }
    offsets[user + 1] = size;
  }
  return {
    itemCount: log.itemCount,
    offsets,
    items: items.subarray(0, size),
    times: times.subarray(0, size),
    strengths: strengths.subarray(0, size),
    isTaken: isTaken.subarray(0, size),
  };
}
