import type { EventLog } from './event-log.ts';
import type { SplitLog } from './validation-split.ts';

function filterEvents(
  log: EventLog,
  keep: (user: number, item: number) => boolean,
  itemCount: number,
): EventLog {
  const kept: number[] = [];
  const offsets = new Int32Array(log.offsets.length);
  for (let user = 0; user + 1 < log.offsets.length; user++) {
    for (let k = log.offsets[user]!; k < log.offsets[user + 1]!; k++)
      if (keep(user, log.items[k]!)) kept.push(k);
    offsets[user + 1] = kept.length;
  }
  return {
    itemCount,
    offsets,
    items: Int32Array.from(kept, (k) => log.items[k]!),
    times: Float64Array.from(kept, (k) => log.times[k]!),
    strengths: Float32Array.from(kept, (k) => log.strengths[k]!),
    ...(log.isTaken && { isTaken: Uint8Array.from(kept, (k) => log.isTaken![k]!) }),
  };
}

/** The first `count` items only; items are numbered from the most taken down. */
export function limitItems(split: SplitLog, count: number): SplitLog {
  if (split.past.itemCount <= count) return split;
  return {
    past: filterEvents(split.past, (_user, item) => item < count, count),
    heldOut: split.heldOut.map((items) => items.filter((item) => item < count)),
    now: split.now,
  };
}

/** Every n-th user, so that about `events` events are left. */
export function limitUsers(split: SplitLog, events: number): SplitLog {
  const step = Math.ceil(split.past.items.length / events);
  if (step <= 1) return split;
  return {
    past: filterEvents(split.past, (user) => user % step === 0, split.past.itemCount),
    heldOut: split.heldOut.map((items, user) => (user % step === 0 ? items : new Int32Array(0))),
    now: split.now,
  };
}
