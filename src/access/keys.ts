import type pg from 'pg';
import { queryRows } from '../database/query-rows.ts';
import { AppError } from '../errors.ts';
import * as queries from './queries.ts';
import { keyCovers, type Principal, type Scope } from './scopes.ts';
import { hashSecret, newSecret } from './secrets.ts';

/** Letters of the secret that are shown in lists: enough to tell keys apart, 36 bits of 256. */
const SHOWN_LETTERS = 6;
/** What is no key of ours is refused without asking the database. */
const keyPattern = /^ca_(public|write|read|admin)_[A-Za-z0-9_-]{43}$/;

export interface NewKey {
  scope: Scope;
  name: string;
  source?: string | undefined;
  expiresAt?: Date | undefined;
}

export interface KeyRow {
  key_id: number;
  prefix: string;
  scope: Scope;
  name: string;
  source: string | null;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
  last_used_at: Date | null;
}

/** @returns the key itself, which nothing can show again. @throws VALIDATION for a moment of expiry that has passed */
export async function createKey(pool: pg.Pool, options: NewKey): Promise<{ key: string; id: number }> {
  const { scope, name, source, expiresAt } = options;
  if (expiresAt !== undefined && expiresAt.getTime() <= Date.now()) {
    throw new AppError('VALIDATION', 'the key would have expired already', {
      hint: 'Give a moment in the future.',
    });
  }
  const start = `ca_${scope}_`;
  const key = start + newSecret();
  const prefix = key.slice(0, start.length + SHOWN_LETTERS);
  const [row] = await queryRows<{ id: number }>(pool, queries.CREATE_API_KEY, [
    hashSecret(key),
    prefix,
    scope,
    name,
    source ?? null,
    expiresAt ?? null,
  ]);
  return { key, id: row!.id };
}

export function listKeys(pool: pg.Pool): Promise<KeyRow[]> {
  return queryRows(pool, queries.LIST_API_KEYS);
}

/** At once: no request that begins later gets in. @throws NOT_FOUND */
export async function revokeKey(pool: pg.Pool, keyId: number): Promise<void> {
  const [row] = await queryRows<{ found: boolean }>(pool, queries.REVOKE_API_KEY, [keyId]);
  if (row!.found) return;
  throw new AppError('NOT_FOUND', `there is no key ${keyId}`, {
    details: { keyId },
    hint: 'customer-analyzer keys list shows the keys.',
  });
}

interface FoundKey {
  key_id: number;
  scope: Scope;
  name: string;
  source: string | null;
}

/** @returns a function that finds who a key belongs to; `undefined` for one that is unknown, revoked or expired */
export function keyFinder(pool: pg.Pool): (key: string) => Promise<Principal | undefined> {
  const find = async (key: string): Promise<Principal | undefined> => {
    const [row] = await queryRows<FoundKey>(pool, queries.FIND_API_KEY, [hashSecret(key)]);
    if (!row) return undefined;
    const { key_id: keyId, scope, name, source } = row;
    const scopes = keyCovers[scope];
    return { kind: 'key', keyId, administratorId: null, scope, scopes, source, name, role: null };
  };
  const shared = shareQuestions(find);
  return (key) => (keyPattern.test(key) ? shared(key) : Promise.resolve(undefined));
}

interface Asking<T> {
  next: Promise<T> | undefined;
  running: Promise<unknown>;
}

/**
 * Nothing is cached, so that a revoked key is out at once. But of many requests that come while one question about their key is under way, all
 * share the one that follows it: it begins after each of them came, and 64 clients with one key cost two questions at a time, not 64.
 */
export function shareQuestions<T>(ask: (about: string) => Promise<T>): (about: string) => Promise<T> {
  const asking = new Map<string, Asking<T>>();
  const begin = (about: string): Promise<T> => {
    const answer = ask(about);
    const entry: Asking<T> = { next: undefined, running: answer };
    asking.set(about, entry);
    answer
      .catch(() => undefined)
      .finally(() => {
        if (asking.get(about) === entry && entry.next === undefined) asking.delete(about);
      });
    return answer;
  };
  return (about) => {
    const current = asking.get(about);
    if (!current) return begin(about);
    current.next ??= current.running.catch(() => undefined).then(() => begin(about));
    return current.next;
  };
}
