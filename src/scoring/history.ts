import type pg from 'pg';
import { type Populations, readPopulations } from './features.ts';
import { daysBefore, readOutcomes } from './snapshot.ts';

/** Who bought in the window that follows a moment, and what it brought, by user_id. */
type Outcomes = Awaited<ReturnType<typeof readOutcomes>>;

/**
 * What the database says of moments in the past. The pipelines of several horizons ask for the same moments, and each answer is a pass
 * over the events: it is kept for the length of one run.
 */
export class History {
  readonly #client: pg.ClientBase;
  readonly #populations = new Map<number, Promise<Populations>>();
  readonly #outcomes = new Map<string, Promise<Outcomes>>();

  constructor(client: pg.ClientBase) {
    this.#client = client;
  }

  populations(moment: Date): Promise<Populations> {
    const key = moment.getTime();
    let found = this.#populations.get(key);
    if (!found) {
      found = readPopulations(this.#client, moment);
      this.#populations.set(key, found);
    }
    return found;
  }

  /** From the moment on, for so many days. */
  outcomes(moment: Date, horizonDays: number): Promise<Outcomes> {
    const key = `${moment.getTime()}+${horizonDays}`;
    let found = this.#outcomes.get(key);
    if (!found) {
      found = readOutcomes(this.#client, moment, daysBefore(moment, -horizonDays));
      this.#outcomes.set(key, found);
    }
    return found;
  }
}
