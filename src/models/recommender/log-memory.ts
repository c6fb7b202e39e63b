import type { LinearAlgebra } from '../linear-algebra/linear-algebra.ts';
import { type EventLog, interactionsOf, type StrengthOptions } from './event-log.ts';
import { type Interactions, normaliseRows } from './interactions.ts';
import { gramMatrix } from './item-pairs.ts';

/** What was made of a log, by key: models share it, and the points of a grid. The latest `kept` are. */
class LogMemory<Value> {
  readonly #byLog = new WeakMap<EventLog, Map<string, Value>>();
  readonly #kept: number;

  constructor(kept: number) {
    this.#kept = kept;
  }

  get(log: EventLog, key: string, make: () => Value): Value {
    const known = this.#byLog.get(log) ?? new Map<string, Value>();
    this.#byLog.set(log, known);
    const value = known.has(key) ? known.get(key)! : make();
    known.delete(key);
    known.set(key, value);
    for (const oldest of known.keys()) if (known.size > this.#kept) known.delete(oldest);
    return value;
  }
}

/** One for plain counts, one for the point of a grid that is being climbed. */
const grams = new LogMemory<Promise<Float32Array>>(2);
const histories = new LogMemory<Interactions>(3);

/** X^T X of a log's histories, which `data` has; callers leave it as it is. @param power of the strengths in `data` */
export function gramOf(
  log: EventLog,
  data: Interactions,
  power: number,
  rowNormalisation: number,
  algebra: LinearAlgebra,
): Promise<Float32Array> {
  const make = () => gramMatrix(normaliseRows(data, rowNormalisation), algebra);
  return grams.get(log, `${power}|${rowNormalisation}`, make);
}

/** `interactionsOf`, kept; callers leave it as it is. */
export function historiesOf(log: EventLog, now: number, strength: StrengthOptions = {}): Interactions {
  const key = `${now}|${strength.power ?? 0}|${strength.halfLifeDays}`;
  return histories.get(log, key, () => interactionsOf(log, now, strength));
}
