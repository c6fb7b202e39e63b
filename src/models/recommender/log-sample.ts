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
