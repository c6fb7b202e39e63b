import type pg from 'pg';
import { AppError } from '../errors.ts';
import { integerPosition, readCursor, writeCursor } from './cursor.ts';
import {
  type FoundUser,
  findUsers,
  type UserFilters,
  type UserPosition,
  type UserSort,
} from './find-users.ts';

/** As a caller writes it: `profile` is the text of a JSON object. */
export type WrittenFilters = {
  [Name in Exclude<keyof UserFilters, 'profile'>]?: UserFilters[Name] | undefined;
} & { profile?: string | undefined };

export interface UserListRequest extends WrittenFilters {
  sort: UserSort;
  order: 'asc' | 'desc';
  limit: number;
  /** `next_cursor` of the page before. */
  cursor?: string | undefined;
}

export interface UserList {
  items: FoundUser[];
  /** null on the last page. */
  next_cursor: string | null;
}

/** The page of customers that HTTP and the terminal show. @throws VALIDATION */
export async function listUsers(
  pool: pg.Pool,
  { sort, order, limit, cursor, ...written }: UserListRequest,
): Promise<UserList> {
  const { items, next } = await findUsers(pool, {
    filters: toUserFilters(written),
    sort,
    descending: order === 'desc',
    limit,
    after: readCursor(cursor, userPosition(sort)),
  });
  return { items, next_cursor: next ? writeCursor([sort, next.value, next.user_id]) : null };
}

/** @throws VALIDATION for a profile that is no JSON object */
export function toUserFilters({ profile, ...others }: WrittenFilters): UserFilters {
  const given = Object.entries(others).filter(([, value]) => value !== undefined);
  const filters: UserFilters = Object.fromEntries(given);
  if (profile !== undefined) filters.profile = profileOf(profile);
  return filters;
}

function profileOf(json: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    value = undefined;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new AppError('VALIDATION', 'profile is no JSON object', {
    hint: 'Such as {"country":"DE"}; in a URL with its characters encoded, in a shell within quotes.',
  });
}

/** What PostgreSQL writes for a value that customers are sorted by; anything else is no cursor of ours. */
const sortValues: Record<UserSort, RegExp> = {
  user_id: /^\d{1,10}$/,
  registration_date: /^[0-9: .+-]{19,40}$/,
  ltv: /^-?\d{1,40}(\.\d{1,40})?$/,
  churn_probability: /^[0-9.e-]{1,20}$/,
  purchase_probability_30d: /^[0-9.e-]{1,20}$/,
  last_updated: /^[0-9: .+-]{19,40}$/,
};
const userIdPosition = integerPosition(1, 2_147_483_647);

function userPosition(sort: UserSort) {
  return (position: unknown): UserPosition | undefined => {
    if (!Array.isArray(position) || position.length !== 3 || position[0] !== sort) return undefined;
    const [, value, id] = position;
    const user_id = userIdPosition(id);
    const valid = value === null || (typeof value === 'string' && sortValues[sort].test(value));
    return user_id !== undefined && valid ? { value, user_id } : undefined;
  };
}
