import type { ShopLog } from './shop-log.ts';

/** Every n-th customer with all of their history, so that about `events` events are left; the log itself where it has no more. */
export function sampleCustomers(log: ShopLog, events: number): ShopLog {
  const step = Math.ceil(log.items.length / events);
  if (step <= 1) return log;
  const offsets = [0];
  for (let user = 0; user + 1 < log.offsets.length; user += step)
    offsets.push(offsets.at(-1)! + log.offsets[user + 1]! - log.offsets[user]!);
  const size = offsets.at(-1)!;
  const sample = {
    itemCount: log.itemCount,
    offsets: Int32Array.from(offsets),
    items: new Int32Array(size),
    days: new Float64Array(size),
    kinds: new Uint8Array(size),
  };
  for (let row = 0; row + 1 < offsets.length; row++) {
    const [from, to] = [log.offsets[row * step]!, log.offsets[row * step + 1]!];
    sample.items.set(log.items.subarray(from, to), offsets[row]!);
    sample.days.set(log.days.subarray(from, to), offsets[row]!);
    sample.kinds.set(log.kinds.subarray(from, to), offsets[row]!);
  }
  return sample;
}

/** The first `count` items, which are the most wanted, and what was done with them; the log itself where it has no more. All customers stay. */
export function headOfLog(log: ShopLog, count: number): ShopLog {
  if (log.itemCount <= count) return log;
  const kept = Int32Array.from(log.items.keys()).filter((k) => log.items[k]! < count);
  const offsets = new Int32Array(log.offsets.length);
  for (let row = 0, size = 0; row + 1 < offsets.length; row++) {
    while (size < kept.length && kept[size]! < log.offsets[row + 1]!) size++;
    offsets[row + 1] = size;
  }
  return {
    itemCount: count,
    offsets,
    items: Int32Array.from(kept, (k) => log.items[k]!),
    days: Float64Array.from(kept, (k) => log.days[k]!),
    kinds: Uint8Array.from(kept, (k) => log.kinds[k]!),
  };
}
