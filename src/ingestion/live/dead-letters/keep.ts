import type pg from 'pg';
import type { ExactValue } from '../../exact-json.ts';
import { isObject, scalarText } from '../../exact-json.ts';
import { anonymousSource, type Item, type Outcome } from '../message.ts';
import { findErased } from '../people/queries.ts';
import { bodyText } from '../read.ts';
import type { RejectRow } from './queries.ts';

/** What is kept of a refused message: whatever an event may have. */
const keptCharacters = 64 * 1024;
const idKeys = ['userId', 'anonymousId', 'previousId', 'external_user_id'];

/**
 * Dead letters of a group. None is what came with a public key: anybody could fill the table, and a replay would lend it the administrator's
 * rights. Nor what names somebody who was erased: it would bring back what they asked to be forgotten.
 */
export async function deadLetters(
  client: pg.ClientBase,
  items: readonly Item[],
  outcomes: readonly Outcome[],
): Promise<RejectRow[]> {
  const rows: { row: RejectRow; ids: string[] }[] = [];
  const asked = new Map<string, Set<string>>();
  for (const [place, item] of items.entries()) {
    const outcome = outcomes[place];
    if (outcome?.status !== 'rejected' || item.isPublic) continue;
    const ids = idsIn(item.body);
    rows.push({ row: rejectRow(item, outcome), ids });
    const known = asked.get(item.source) ?? new Set();
    asked.set(item.source, known);
    for (const id of ids) known.add(id);
  }
  const erased = new Set<string>();
  for (const [source, ids] of asked)
    for (const namespace of [source, anonymousSource(source)])
      for (const id of await findErased(client, namespace, [...ids])) erased.add(`${source}\u0000${id}`);
  return rows
    .filter(({ row, ids }) => !ids.some((id) => erased.has(`${row.source}\u0000${id}`)))
    .map(({ row }) => row);
}

function idsIn(body: ExactValue): string[] {
  if (!isObject(body)) return [];
  return idKeys.flatMap((key) => scalarText(body[key])?.trim().replaceAll('\0', '') || []);
}

function rejectRow(item: Item, { code, reason }: { code: string; reason: string }): RejectRow {
  const { source, kind, hash, receivedAt } = item;
  const body = bodyText(item.body, item.sentAt);
  return {
    source,
    kind,
    code,
    reason,
    hash,
    body: body.slice(0, keptCharacters),
    isWhole: body !== '' && body.length <= keptCharacters,
    receivedAt: new Date(receivedAt),
  };
}
