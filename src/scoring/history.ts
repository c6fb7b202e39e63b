import type pg from 'pg';
import type { PurchaseModel } from '../models/purchase-model.ts';
import { type Populations, readPopulations, snapshotOf } from './features.ts';
import { fitPurchaseModel } from './purchase-model.ts';
import * as queries from './queries.ts';
import { daysBefore, type Outcomes, readOutcomes } from './snapshot.ts';

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
  readonly #share: number;
  readonly #populations = new Map<number, Promise<Populations>>();
  readonly #purchaseModels = new Map<number, Promise<PurchaseModel | undefined>>();
  readonly #outcomes = new Map<string, Promise<Outcomes>>();

  /** @param share of the customers that is looked at, the same ones at every moment */
  constructor(client: pg.ClientBase, share = 1) {
    this.#client = client;
    this.#share = share;
  }

  /** How many customers a population stands for. */
  customersOf({ size }: { readonly size: number }): number {
    return Math.round(size / this.#share);
  }

  populations(moment: Date): Promise<Populations> {
    return remember(this.#populations, moment.getTime(), () =>
      readPopulations(this.#client, moment, { share: this.#share }),
    );
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

/** More customers say little more of a few dozen parameters, and cost memory at every cut-off. */
const MAX_TRAINING_CUSTOMERS = 20_000;

/** What training looks at: everybody, or in a large shop a share drawn by id. */
export async function trainingHistory(client: pg.ClientBase): Promise<History> {
  const { customers } = (await client.query(queries.COUNT_CUSTOMERS)).rows[0];
  return new History(client, Math.min(1, MAX_TRAINING_CUSTOMERS / Math.max(1, customers)));
}
