import type pg from 'pg';
import { databaseError } from '../../../database/database-error.ts';
import { AppError } from '../../../errors.ts';
import { parseExact } from '../../exact-json.ts';
import type { LiveIngestion } from '../ingestion.ts';
import type { Item, MessageKind } from '../message.ts';
import { readItem } from '../read.ts';
import { deleteRejects, findReject, listRejects, type StoredReject } from './queries.ts';

export type { StoredReject } from './queries.ts';

const portion = 500;

export interface RejectFilter {
  readonly after?: number | undefined;
  readonly code?: string | undefined;
}

/** Refused messages in the order of arrival. */
export async function listDeadLetters(
  pool: pg.Pool,
  filter: RejectFilter,
  limit: number,
): Promise<StoredReject[]> {
  try {
    return await listRejects(pool, filter.after ?? 0, filter.code ?? null, limit);
  } catch (error) {
    throw databaseError(error);
  }
}

/** @throws NOT_FOUND */
export async function getDeadLetter(pool: pg.Pool, id: number): Promise<StoredReject> {
  const found = await findReject(pool, id).catch((error: unknown) => {
    throw databaseError(error);
  });
  if (found !== null) return found;
  throw new AppError('NOT_FOUND', `there is no reject ${id}`, {
    hint: 'customer-analyzer rejects list shows those there are.',
  });
}

export interface ReplayCounts {
  replayed: number;
  accepted: number;
  duplicates: number;
  rejected: number;
}

/**
 * Takes refused messages in again, as of when they came first: after a setting, a catalogue or this program was put right. What
 * succeeds is a dead letter no more; what is refused again stays, with its reason of now.
 */
export async function replayDeadLetters(
  pool: pg.Pool,
  ingestion: LiveIngestion,
  filter: { readonly id?: number | undefined; readonly code?: string | undefined },
): Promise<ReplayCounts> {
  const counts: ReplayCounts = { replayed: 0, accepted: 0, duplicates: 0, rejected: 0 };
  if (filter.id !== undefined) {
    await replay(pool, ingestion, [await getDeadLetter(pool, filter.id)], counts);
    return counts;
  }
  for (let after = 0; ; ) {
    const rows = await listDeadLetters(pool, { after, code: filter.code }, portion);
    if (rows.length === 0) return counts;
    await replay(pool, ingestion, rows, counts);
    after = rows.at(-1)!.rejectId;
  }
}

async function replay(
  pool: pg.Pool,
  ingestion: LiveIngestion,
  rows: readonly StoredReject[],
  counts: ReplayCounts,
): Promise<void> {
  const whole = rows.filter((row) => row.isWhole);
  const items: Item[] = [];
  for (const row of whole) items.push(await readAgain(row, ingestion));
  const outcomes = await ingestion.submit(items);
  const done = whole.filter((_, i) => outcomes[i]?.status !== 'rejected').map((row) => row.rejectId);
  if (done.length > 0) await deleteRejects(pool, done);
  counts.replayed += rows.length;
  counts.accepted += outcomes.filter(({ status }) => status === 'accepted').length;
  counts.duplicates += outcomes.filter(({ status }) => status === 'duplicate').length;
  counts.rejected += rows.length - done.length;
}

async function readAgain(
  { source, kind, body, receivedAt }: StoredReject,
  ingestion: LiveIngestion,
): Promise<Item> {
  const context = { ...(await ingestion.context(source)), receivedAt: receivedAt.getTime() };
  const { value, checked } = parseExact(body);
  return readItem(value, kind as MessageKind, checked, context);
}
