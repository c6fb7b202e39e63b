import type { ShopLog } from '../models/recommender/shop-log.ts';

/** Typed arrays that grow beyond `expected` where they must. */
export class EventColumns {
  #capacity: number;
  #size = 0;
  #items: Int32Array;
  #days: Float64Array;
  #kinds: Uint8Array;
  readonly #offsets = [0];
  readonly #userIds: number[] = [];

  constructor(expected: number) {
    this.#capacity = Math.max(1 << 16, Math.ceil(expected));
    this.#items = new Int32Array(this.#capacity);
    this.#days = new Float64Array(this.#capacity);
    this.#kinds = new Uint8Array(this.#capacity);
  }

  push(item: number, kind: number, day: number): void {
    if (this.#size === this.#capacity) this.#grow();
    this.#items[this.#size] = item;
    this.#kinds[this.#size] = kind;
    this.#days[this.#size++] = day;
  }

  #grow(): void {
    this.#capacity *= 2;
    const [items, days, kinds] = [this.#items, this.#days, this.#kinds];
    this.#items = new Int32Array(this.#capacity);
    this.#days = new Float64Array(this.#capacity);
    this.#kinds = new Uint8Array(this.#capacity);
    this.#items.set(items);
    this.#days.set(days);
    this.#kinds.set(kinds);
  }

  /** Ends a customer's row; of more than `most` events the newest stay, and the others go to a row of `older`. */
  endRow(userId: number, most: number, older?: EventColumns): void {
    const start = this.#offsets.at(-1)!;
    if (this.#size === start) return;
    const excess = Math.max(0, this.#size - start - most);
    for (let k = start; k < start + excess; k++)
      older?.push(this.#items[k]!, this.#kinds[k]!, this.#days[k]!);
    if (excess > 0)
      for (const column of [this.#items, this.#days, this.#kinds])
        column.copyWithin(start, start + excess, this.#size);
    this.#size -= excess;
    if (older) older.#close(userId);
    this.#close(userId);
  }

  #close(userId: number): void {
    this.#offsets.push(this.#size);
    this.#userIds.push(userId);
  }

  toLog(itemCount: number): { log: ShopLog; userIds: Int32Array } {
    const log = {
      itemCount,
      offsets: Int32Array.from(this.#offsets),
      items: this.#items.subarray(0, this.#size),
      days: this.#days.subarray(0, this.#size),
      kinds: this.#kinds.subarray(0, this.#size),
    };
    return { log, userIds: Int32Array.from(this.#userIds) };
  }
}
