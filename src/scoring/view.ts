import type pg from 'pg';
import { type Population, type Populations, readPopulations, slicePopulation } from './features.ts';
import { nobody, readUntouched, type Standings } from './standings.ts';

/** Whom a scoring looks at, beside the rows that it leaves alone. */
export interface View {
  /** `undefined` for everybody. */
  readonly changed: Int32Array | undefined;
  readonly populations: Populations;
  readonly untouched: Standings;
}

export async function readView(
  client: pg.ClientBase,
  asOf: Date,
  changed: Int32Array | undefined,
): Promise<View> {
  const populations = await readPopulations(client, asOf, { userIds: changed });
  return { changed, populations, untouched: changed ? await readUntouched(client) : nobody };
}

/** So many are asked about, staged and published at a time: the server writes these while the models are asked about the next. */
const CUSTOMERS_A_PORTION = 20_000;
const LAST_USER_ID = 2 ** 31 - 1;

/** Neighbours by user_id. */
export interface Portion {
  readonly populations: Populations;
  /** Place of the first of the buyers among all buyers in view. */
  readonly buyersFrom: number;
  /** It speaks of everybody up to this user_id, also by leaving somebody out. */
  readonly upTo: number;
}

/** The first place at or after `from` of a user_id above `upTo`. */
function placeAfter({ userId, size }: Population, upTo: number, from: number): number {
  let at = from;
  while (at < size && userId[at]! <= upTo) at += 1;
  return at;
}

/** At least one portion, also of nobody. */
export function portionsOf({ buyers, visitors }: Populations, customers = CUSTOMERS_A_PORTION): Portion[] {
  const userIds = new Int32Array(buyers.size + visitors.size);
  userIds.set(buyers.userId);
  userIds.set(visitors.userId, buyers.size);
  userIds.sort();
  const portions: Portion[] = [];
  let [buyersFrom, visitorsFrom] = [0, 0];
  for (let end = customers; portions.at(-1)?.upTo !== LAST_USER_ID; end += customers) {
    const upTo = end < userIds.length ? userIds[end - 1]! : LAST_USER_ID;
    const buyersTo = placeAfter(buyers, upTo, buyersFrom);
    const visitorsTo = placeAfter(visitors, upTo, visitorsFrom);
    const populations = {
      buyers: slicePopulation(buyers, buyersFrom, buyersTo),
      visitors: slicePopulation(visitors, visitorsFrom, visitorsTo),
    };
    portions.push({ populations, buyersFrom, upTo });
    [buyersFrom, visitorsFrom] = [buyersTo, visitorsTo];
  }
  return portions;
}
