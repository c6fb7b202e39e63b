/** 3 million keys fill three quarters of 4 million slots: 50 MB a generation. */
const defaultGenerationKeys = 3_000_000;
const firstSlots = 1 << 16;
const maxLoad = 0.75;

/**
 * Says of each natural key whether this is its first, second, ... n-th occurrence in a file, in any order of lines.
 *
 * A Map of strings costs about 100 bytes a key and grows with the file; this holds a 64-bit fingerprint and a count in
 * typed arrays (12 bytes a slot). When a generation is full the one before it is dropped, so that memory stays below
 * about 110 MB: a repeat is recognised while fewer than `generationKeys` other keys came between, which for an invoice's
 * lines holds in every file except one of many millions of rows that was shuffled. There, a repeat further apart would
 * be numbered 1 again and reported as a duplicate.
 *
 * Two keys with the same fingerprint (chance 1 in 4 million for a full table) only share their numbering: both rows are
 * kept, and a second import of the file numbers them the same way.
 */
export class OccurrenceCounter {
  readonly #generationKeys: number;
  #current: Table;
  #previous: Table | null = null;

  constructor(generationKeys: number = defaultGenerationKeys) {
    this.#generationKeys = generationKeys;
    this.#current = emptyTable(firstSlots);
  }

  next(key: string): number {
    let low = 0x9e3779b9;
    let high = 0x85ebca6b;
    for (let i = 0; i < key.length; i++) {
      const unit = key.charCodeAt(i);
      low = Math.imul(low ^ unit, 0x9e3779b1);
      high = Math.imul(high ^ unit, 0x5f356495);
    }
    low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
    high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
    return this.#count(low >>> 0, high >>> 0);
  }

  #count(low: number, high: number): number {
    let table = this.#current;
    let slot = find(table, low, high);
    if (table.counts[slot] !== 0) {
      const count = (table.counts[slot] as number) + 1;
      table.counts[slot] = count;
      return count;
    }
    const before = this.#previous === null ? 0 : countIn(this.#previous, low, high);
    if (table.used >= this.#generationKeys) {
      this.#previous = table;
      table = this.#current = emptyTable(firstSlots);
      slot = find(table, low, high);
    } else if (table.used >= table.counts.length * maxLoad) {
      table = this.#current = grown(table);
      slot = find(table, low, high);
    }
    put(table, slot, low, high, before + 1);
    return before + 1;
  }
}

interface Table {
  readonly lows: Uint32Array;
  readonly highs: Uint32Array;
  /** 0 marks an empty slot. */
  readonly counts: Uint32Array;
  used: number;
}

function emptyTable(slots: number): Table {
  return {
    lows: new Uint32Array(slots),
    highs: new Uint32Array(slots),
    counts: new Uint32Array(slots),
    used: 0,
  };
}

/** The slot of the key, or the empty slot where it belongs (linear probing; the number of slots is a power of two). */
function find(table: Table, low: number, high: number): number {
  const mask = table.counts.length - 1;
  let slot = low & mask;
  while (table.counts[slot] !== 0 && (table.lows[slot] !== low || table.highs[slot] !== high))
    slot = (slot + 1) & mask;
  return slot;
}

function countIn(table: Table, low: number, high: number): number {
  return table.counts[find(table, low, high)] as number;
}

function put(table: Table, slot: number, low: number, high: number, count: number): void {
  table.lows[slot] = low;
  table.highs[slot] = high;
  table.counts[slot] = count;
  table.used++;
}

function grown(table: Table): Table {
  const larger = emptyTable(table.counts.length * 2);
  for (let slot = 0; slot < table.counts.length; slot++) {
    const count = table.counts[slot] as number;
    if (count === 0) continue;
    const low = table.lows[slot] as number;
    const high = table.highs[slot] as number;
    put(larger, find(larger, low, high), low, high, count);
  }
  return larger;
}
