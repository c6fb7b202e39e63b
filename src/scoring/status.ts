/** One thing that a score would need and the data do not have. */
export interface Missing {
  readonly what: string;
  readonly have: number;
  readonly need: number;
}

export type ScoreStatus = 'ok' | 'insufficient_data';

export function statusOf(missing: readonly Missing[]): ScoreStatus {
  return missing.length === 0 ? 'ok' : 'insufficient_data';
}

/** The requirements that are not met, in the order given. */
export function unmet(requirements: readonly Missing[]): readonly Missing[] {
  return requirements.filter((requirement) => requirement.have < requirement.need);
}

/** By name; null where the data define none, as AUC with one class only. */
export type Metrics = Record<string, number | null>;
