import type pg from 'pg';
import type { PurchaseModel } from '../models/purchase-model.ts';
import { type Populations, readPopulations, snapshotOf } from './features.ts';
import { fitPurchaseModel } from './purchase-model.ts';
import { daysBefore, readOutcomes } from './snapshot.ts';

/** Who bought in the window that follows a moment, and what it brought, by user_id. */
type Outcomes = Awaited<ReturnType<typeof readOutcomes>>;

/** What is known under a key, else what `make` gives, from now on. */
export function remember<Key, T>(known: Map<Key, Promise<T>>, key: Key, make: () => Promise<T>): Promise<T> {
  const found = known.get(key) ?? make();
  known.set(key, found);
  return found;
}

/**
 * What the database says of moments in the past, and the purchase model fitted to them. The pipelines of several horizons ask for the
 * same moments, and each answer is a pass over the events: it is kept for the length of one run.
 */
export class History {
  readonly #client: pg.ClientBase;
  readonly #populations = new Map<number, Promise<Populations>>();
  readonly #purchaseModels = new Map<number, Promise<PurchaseModel | undefined>>();
  readonly #outcomes = new Map<string, Promise<Outcomes>>();

  constructor(client: pg.ClientBase) {
    this.#client = client;
  }

  populations(moment: Date): Promise<Populations> {
    return remember(this.#populations, moment.getTime(), () => readPopulations(this.#client, moment));
  }

  /** Fitted to those who had bought before the moment; `undefined` where it has no fit. */
  purchaseModel(moment: Date): Promise<PurchaseModel | undefined> {
    return remember(this.#purchaseModels, moment.getTime(), async () => {
      const { buyers } = await this.populations(moment);
      return buyers.size > 0 ? fitPurchaseModel(snapshotOf(buyers)) : undefined;
    });
  }

  /** From the moment on, for so many days. */
  outcomes(moment: Date, horizonDays: number): Promise<Outcomes> {
    const until = daysBefore(moment, -horizonDays);
    return remember(this.#outcomes, `${moment.getTime()}+${horizonDays}`, () =>
      readOutcomes(this.#client, moment, until),
    );
  }
}
