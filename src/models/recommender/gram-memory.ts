import type { LinearAlgebra } from '../linear-algebra/linear-algebra.ts';
import type { EventLog } from './event-log.ts';
import { type Interactions, normaliseRows } from './interactions.ts';
import { gramMatrix } from './item-pairs.ts';

/** Matrices of one log that are kept: one for plain counts, one for the point of a grid that is being climbed. */
const KEPT = 2;

/** Gram matrices by log: models share them, and a ridge or a similarity is changed without making them again. */
const byLog = new WeakMap<EventLog, Map<string, Promise<Float32Array>>>();

/** X^T X of a log's histories, which `data` has; callers leave it as it is. @param power of the strengths in `data` */
export function gramOf(
  log: EventLog,
  data: Interactions,
  power: number,
  rowNormalisation: number,
  algebra: LinearAlgebra,
): Promise<Float32Array> {
  const known = byLog.get(log) ?? new Map<string, Promise<Float32Array>>();
  byLog.set(log, known);
  const key = `${power}|${rowNormalisation}`;
  const gram = known.get(key) ?? gramMatrix(normaliseRows(data, rowNormalisation), algebra);
  known.delete(key);
  known.set(key, gram);
  for (const oldest of known.keys()) if (known.size > KEPT) known.delete(oldest);
  return gram;
}
