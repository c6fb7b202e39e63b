import { Random } from '../random.ts';
import type { EventLog } from './event-log.ts';
import { historyOf, type Interactions } from './interactions.ts';
import type { HeldOut } from './judge.ts';

/** A log cut in two; row u of both is the same user's. */
export interface SplitLog {
  readonly past: EventLog;
  /** What each user took in the part held out; each item once. */
  readonly heldOut: readonly Int32Array[];
  /** The moment after the past, in the days of the log's times. */
  readonly now: number;
}

function select(log: EventLog, isHeld: (index: number) => boolean, now: number): SplitLog {
  const kept: number[] = [];
  const offsets = new Int32Array(log.offsets.length);
  const heldOut: Int32Array[] = [];
  for (let user = 0; user + 1 < log.offsets.length; user++) {
    const held = new Set<number>();
    for (let k = log.offsets[user]!; k < log.offsets[user + 1]!; k++) {
      if (!isHeld(k)) kept.push(k);
      else if (log.isTaken?.[k] !== 0) held.add(log.items[k]!);
    }
    offsets[user + 1] = kept.length;
    heldOut.push(Int32Array.from(held));
  }
  const past = {
    itemCount: log.itemCount,
    offsets,
    items: Int32Array.from(kept, (k) => log.items[k]!),
    times: Float64Array.from(kept, (k) => log.times[k]!),
    strengths: Float32Array.from(kept, (k) => log.strengths[k]!),
    ...(log.isTaken && { isTaken: Uint8Array.from(kept, (k) => log.isTaken![k]!) }),
  };
  return { past, heldOut, now };
}

/** Holds out `share` of each user's items, drawn by the seed: an item goes with all its events. */
export function splitAtRandom(log: EventLog, share: number, seed: number): SplitLog {
  const random = Random.fromSeed(seed, 'validation split');
  const held = new Uint8Array(log.items.length);
  let now = Number.NEGATIVE_INFINITY;
  for (let user = 0; user + 1 < log.offsets.length; user++) {
    const [from, to] = [log.offsets[user]!, log.offsets[user + 1]!];
    const items = [...new Set(log.items.subarray(from, to))];
    const drawn = new Set(random.shuffle(items).slice(0, Math.round(items.length * share)));
    for (let k = from; k < to; k++) {
      held[k] = drawn.has(log.items[k]!) ? 1 : 0;
      now = Math.max(now, log.times[k]!);
    }
  }
  return select(log, (k) => held[k] === 1, now);
}

/** Holds out what happened at `now` and after it. */
export function splitByTime(log: EventLog, now: number): SplitLog {
  return select(log, (k) => log.times[k]! >= now, now);
}

/** The moment since which `share` of the events happened. */
export function momentOfShare(log: EventLog, share: number): number {
  const sorted = log.times.slice().sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * (1 - share)))] ?? 0;
}

/** What a user took before, each item once: left out of lists of what is new. */
export function takenItems(log: EventLog, user: number): Int32Array {
  const [from, to] = [log.offsets[user]!, log.offsets[user + 1]!];
  const { isTaken } = log;
  const items = isTaken
    ? log.items.subarray(from, to).filter((_, at) => isTaken[from + at] !== 0)
    : log.items.slice(from, to);
  items.sort();
  let size = 0;
  for (let at = 0; at < items.length; at++)
    if (at === 0 || items[at] !== items[at - 1]) items[size++] = items[at]!;
  return items.subarray(0, size);
}

/**
 * Whom to judge on: users with a history who took something in the part held out that can be asked for, at most `limit` of them, spread
 * evenly. Without `repeats` what they had before is no question.
 * @param known of the past of the split
 */
export function questions(
  known: Interactions,
  { past, heldOut }: SplitLog,
  repeats: boolean,
  limit = Number.POSITIVE_INFINITY,
): HeldOut[] {
  const all: HeldOut[] = [];
  heldOut.forEach((held, user) => {
    const history = historyOf(known, user);
    if (held.length === 0 || history.items.length === 0) return;
    const seen = repeats ? new Int32Array(0) : takenItems(past, user);
    const before = new Set(seen);
    const items = held.filter((item) => !before.has(item));
    if (items.length > 0) all.push({ user, history, seen, items, count: items.length });
  });
  const step = Math.max(1, all.length / limit);
  return Array.from({ length: Math.min(all.length, limit) }, (_, at) => all[Math.floor(at * step)]!);
}
