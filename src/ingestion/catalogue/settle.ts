import type pg from 'pg';
import { parseExactObject, stringifyExact } from '../exact-json.ts';
import type { ProductRow, UserRow } from '../formats/format.ts';
import { type Reject, reject } from '../rejects.ts';
import {
  changeProducts,
  changeUsers,
  compareProducts,
  compareUsers,
  insertProducts,
  insertUsers,
  linkUsers,
  type UserState,
} from './queries.ts';

/** What came of a batch of upserts; a row that is neither accepted nor refused changed nothing. */
export interface Settled {
  readonly accepted: number;
  readonly refused: readonly { readonly place: number; readonly reason: Reject }[];
}

/** Compares rows (each outside id once) with what is there and, unless `dryRun`, writes the difference. */
export type Settle<T> = (
  client: pg.ClientBase,
  source: string,
  rows: readonly T[],
  dryRun: boolean,
) => Promise<Settled>;

const nameless = reject('missing_value', 'a new product needs a name');

export const settleProducts: Settle<ProductRow> = async (client, source, rows, dryRun) => {
  const states = await compareProducts(client, source, rows);
  const row = (place: number): ProductRow => rows[place] as ProductRow;
  const fresh = states.filter(({ id }) => id === null);
  const refused = fresh.filter(({ place }) => row(place).name === null);
  const added = fresh.filter(({ place }) => row(place).name !== null);
  const changed = states.filter(({ id, changes }) => id !== null && changes);
  if (!dryRun && added.length > 0) await insertProducts(client, source, inOrder(rows, added));
  if (!dryRun && changed.length > 0) await changeProducts(client, source, inOrder(rows, changed));
  return {
    accepted: added.length + changed.length,
    refused: refused.map(({ place }) => ({ place, reason: nameless })),
  };
};

const taken = reject('telegram_conflict', 'the telegram_id belongs to another customer');
const different = reject('telegram_conflict', 'the customer has another telegram_id');

export const settleUsers: Settle<UserRow> = async (client, source, rows, dryRun) => {
  // Who was erased changes nothing and is no error: a repeated file has them as before.
  const states = (await compareUsers(client, source, rows)).filter(({ erased }) => !erased);
  const refused = telegramConflicts(rows, states);
  const places = new Set(refused.map(({ place }) => place));
  const welcome = states.filter(({ place }) => !places.has(place));
  const linked = welcome.filter(({ id, telegramOwner }) => id === null && telegramOwner !== null);
  const added = welcome.filter(({ id, telegramOwner }) => id === null && telegramOwner === null);
  const changed = welcome.filter(({ id, changes }) => id !== null && changes);
  if (!dryRun) {
    if (added.length > 0) await insertUsers(client, source, inOrder(rows, added));
    if (linked.length > 0) await linkUsers(client, source, inOrder(rows, linked));
    const toChange = [...linked, ...changed];
    if (toChange.length > 0) await changeUsers(client, source, inOrder(rows, toChange));
  }
  return { accepted: added.length + linked.length + changed.length, refused };
};

/** One Telegram account is one customer, in the database and within the batch. */
function telegramConflicts(
  rows: readonly UserRow[],
  states: readonly UserState[],
): { place: number; reason: Reject }[] {
  const owners = new Map<string, number>();
  const conflicts: { place: number; reason: Reject }[] = [];
  for (const { place, id, telegramOwner, telegramId } of states.toSorted((a, b) => a.place - b.place)) {
    const wanted = (rows[place] as UserRow).telegramId;
    if (wanted === null) continue;
    const hasOther = telegramId !== null && !telegramId.startsWith('-') && telegramId !== wanted;
    if (hasOther) conflicts.push({ place, reason: different });
    else if ((id !== null && telegramOwner !== null && telegramOwner !== id) || owners.has(wanted)) {
      conflicts.push({ place, reason: taken });
    } else owners.set(wanted, place);
  }
  return conflicts;
}

function inOrder<T>(rows: readonly T[], states: readonly { readonly place: number }[]): T[] {
  return states.toSorted((a, b) => a.place - b.place).map(({ place }) => rows[place] as T);
}

/** The later row wins field by field; what it leaves out stays. */
export function mergeRows<T extends object>(earlier: T, later: T, jsonField: keyof T): T {
  const merged = { ...earlier };
  for (const [key, value] of Object.entries(later) as [keyof T, T[keyof T]][]) {
    if (value === null) continue;
    merged[key] =
      key === jsonField ? (mergeJson(earlier[key] as string | null, value as string) as T[keyof T]) : value;
  }
  return merged;
}

function mergeJson(earlier: string | null, later: string): string {
  if (earlier === null) return later;
  return stringifyExact({ ...parseExactObject(earlier), ...parseExactObject(later) });
}
