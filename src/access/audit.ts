import type pg from 'pg';
import { queryRows } from '../database/query-rows.ts';
import * as queries from './queries.ts';
import type { Principal } from './scopes.ts';

export interface ActionRow {
  action_id: number;
  started_at: Date;
  administrator_id: number | null;
  login: string | null;
  key_id: number | null;
  action: string;
  target: string | null;
  outcome: string | null;
}

type Actor = Pick<Principal, 'administratorId' | 'keyId'>;

/** Of a command in a terminal, where the machine knows who it is and we do not. */
export const terminal: Actor = { administratorId: null, keyId: null };

/** @param target what was acted on: ids, never personal data or secrets @returns the id for `finishAction` */
export async function recordAction(
  pool: pg.Pool,
  actor: Actor,
  action: string,
  target: string | null,
  outcome: string | null = null,
): Promise<number> {
  const values = [actor.administratorId, actor.keyId, action, target, outcome];
  return (await queryRows<{ id: number }>(pool, queries.RECORD_ACTION, values))[0]!.id;
}

export async function finishAction(pool: pg.Pool, actionId: number, outcome: string): Promise<void> {
  await queryRows(pool, queries.FINISH_ACTION, [actionId, outcome]);
}

/** Newest first. */
export function listActions(
  pool: pg.Pool,
  limit: number,
  beforeActionId: number | null,
): Promise<ActionRow[]> {
  return queryRows(pool, queries.LIST_ACTIONS, [limit, beforeActionId]);
}
