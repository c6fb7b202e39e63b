import type pg from 'pg';
import { queryRows } from '../database/query-rows.ts';
import * as queries from './queries.ts';
import type { UserRow } from './read.ts';

export const userSorts = [
  'user_id',
  'registration_date',
  'ltv',
  'churn_probability',
  'purchase_probability_30d',
  'last_updated',
] as const;
export type UserSort = (typeof userSorts)[number];

/** Names and meaning as app_schema.find_users has them. */
export interface UserFilters {
  search?: string;
  segment?: string;
  min_ltv?: number;
  max_ltv?: number;
  min_churn_probability?: number;
  max_churn_probability?: number;
  min_purchase_probability_30d?: number;
  max_purchase_probability_30d?: number;
  active_since?: string;
  inactive_since?: string;
  profile?: Record<string, unknown>;
}

/** Where a page ended: the value that it is sorted by, as PostgreSQL writes it, and the customer. */
export interface UserPosition {
  value: string | null;
  user_id: number;
}

export interface UserSearch {
  filters: UserFilters;
  sort: UserSort;
  descending: boolean;
  limit: number;
  after?: UserPosition | undefined;
}

export interface FoundUser extends UserRow {
  registration_date: Date | null;
}

export interface FoundUsers {
  items: FoundUser[];
  /** `undefined` on the last page. */
  next: UserPosition | undefined;
}

/** @throws VALIDATION for a segment, filter or position that is not accepted */
export async function findUsers(
  connection: Pick<pg.Pool, 'query'>,
  { filters, sort, descending, limit, after }: UserSearch,
): Promise<FoundUsers> {
  const rows = await queryRows<FoundUser & { sort_value: string | null }>(connection, queries.FIND_USERS, [
    JSON.stringify(filters),
    sort,
    descending,
    // One more than asked tells whether there is another page.
    limit + 1,
    after === undefined ? null : JSON.stringify(after),
  ]);
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    items: page.map(({ sort_value: _, ...user }) => user),
    next: rows.length > limit && last ? { value: last.sort_value, user_id: last.user_id } : undefined,
  };
}
