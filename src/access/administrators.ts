import type pg from 'pg';
import { queryRows } from '../database/query-rows.ts';
import { AppError } from '../errors.ts';
import { hashPassword, verifyPassword } from './passwords.ts';
import * as queries from './queries.ts';
import { type Principal, type Role, roleCovers } from './scopes.ts';
import { equalSecrets, hashSecret, newSecret } from './secrets.ts';

const SESSION_HOURS = 12;
const SET_UP_HOURS = 24;
const HOUR_MS = 3_600_000;

/**
 * Attempts that are free, for a login from one address, for one address, for one login from anywhere. The last is high: with a low one a
 * stranger could lock an administrator out by failing on purpose.
 */
const FREE_ATTEMPTS = { pair: 5, address: 20, login: 100 };

export interface AdministratorRow {
  administrator_id: number;
  login: string;
  role: Role;
  created_at: Date;
  disabled_at: Date | null;
  last_login_at: Date | null;
}

export interface Session {
  /** Goes into the cookie; only its SHA-256 is kept. */
  readonly token: string;
  readonly expiresAt: Date;
  readonly principal: Principal;
}

/** @throws VALIDATION for a login that is taken or a password that is too short */
export async function createAdministrator(
  pool: pg.Pool,
  login: string,
  role: Role,
  password: string,
): Promise<number> {
  const hash = await hashPassword(password);
  return (await queryRows<{ id: number }>(pool, queries.CREATE_ADMINISTRATOR, [login, role, hash]))[0]!.id;
}

export function listAdministrators(pool: pg.Pool): Promise<AdministratorRow[]> {
  return queryRows(pool, queries.LIST_ADMINISTRATORS);
}

/** Ends the person's sessions too. @throws NOT_FOUND */
export async function disableAdministrator(pool: pg.Pool, administratorId: number): Promise<void> {
  const [row] = await queryRows<{ found: boolean }>(pool, queries.DISABLE_ADMINISTRATOR, [administratorId]);
  if (!row!.found) throw noAdministrator(administratorId);
}

/** With the password of before. @throws NOT_FOUND */
export async function enableAdministrator(pool: pg.Pool, administratorId: number): Promise<void> {
  const [row] = await queryRows<{ found: boolean }>(pool, queries.ENABLE_ADMINISTRATOR, [administratorId]);
  if (!row!.found) throw noAdministrator(administratorId);
}

function noAdministrator(administratorId: number): AppError {
  return new AppError('NOT_FOUND', `there is no administrator ${administratorId}`, {
    details: { administratorId },
    hint: 'customer-analyzer admins list shows who there is.',
  });
}

/** For whoever may write to the database itself: ends all sessions. @throws NOT_FOUND, VALIDATION */
export async function resetPassword(pool: pg.Pool, administratorId: number, password: string): Promise<void> {
  const values = [administratorId, await hashPassword(password), null, []];
  const [row] = await queryRows<{ found: boolean }>(pool, queries.CHANGE_PASSWORD, values);
  if (!row!.found) throw noAdministrator(administratorId);
}

interface LoginRow {
  wait_seconds: number;
  administrator_id: number | null;
  password_hash: string | null;
}

/** @throws LOGIN_FAILED, the same for an unknown login and a wrong password; TOO_MANY_REQUESTS with `retryAfterSeconds` */
export async function logIn(
  pool: pg.Pool,
  login: string,
  password: string,
  address: string,
): Promise<Session> {
  const { id, subjects } = await checkPassword(pool, login, password, address);
  return beginSession(pool, id, subjects);
}

/** Of whoever is logged in. @throws LOGIN_FAILED, TOO_MANY_REQUESTS as a login, so that a stolen session guesses no password; VALIDATION */
export async function changeOwnPassword(
  pool: pg.Pool,
  { login, sessionToken, address }: { login: string; sessionToken: string; address: string },
  password: string,
  newPassword: string,
): Promise<void> {
  const { id, subjects } = await checkPassword(pool, login, password, address);
  const values = [id, await hashPassword(newPassword), hashSecret(sessionToken), subjects];
  await queryRows(pool, queries.CHANGE_PASSWORD, values);
}

async function checkPassword(pool: pg.Pool, login: string, password: string, address: string) {
  const name = login.toLowerCase();
  const subjects = [`pair ${name} ${address}`, `address ${address}`, `login ${name}`].map(hashSecret);
  const free = [FREE_ATTEMPTS.pair, FREE_ATTEMPTS.address, FREE_ATTEMPTS.login];
  const [row] = await queryRows<LoginRow>(pool, queries.BEGIN_LOGIN, [name, subjects, free]);
  const { wait_seconds: retryAfterSeconds, administrator_id: id, password_hash: hash } = row!;
  if (retryAfterSeconds > 0) {
    throw new AppError('TOO_MANY_REQUESTS', 'too many logins failed', {
      details: { retryAfterSeconds },
      hint: `Try again in ${retryAfterSeconds} s.`,
    });
  }
  if (!(await verifyPassword(password, hash)) || id === null)
    throw new AppError('LOGIN_FAILED', 'the login or the password is wrong', {
      hint: 'customer-analyzer admins list shows who can log in.',
    });
  return { id, subjects };
}

async function beginSession(pool: pg.Pool, administratorId: number, subjects: Buffer[]): Promise<Session> {
  const token = newSecret();
  const expiresAt = new Date(Date.now() + SESSION_HOURS * HOUR_MS);
  await queryRows(pool, queries.FINISH_LOGIN, [administratorId, subjects, hashSecret(token), expiresAt]);
  const principal = await findSession(pool, token);
  // Disabled while the password was compared.
  if (!principal) throw new AppError('LOGIN_FAILED', 'the login or the password is wrong');
  return { token, expiresAt, principal };
}

export async function findSession(pool: pg.Pool, token: string): Promise<Principal | undefined> {
  const [row] = await queryRows<{ administrator_id: number; login: string; role: Role }>(
    pool,
    queries.FIND_SESSION,
    [hashSecret(token)],
  );
  if (!row) return undefined;
  const scopes = roleCovers[row.role];
  return {
    kind: 'administrator',
    keyId: null,
    administratorId: row.administrator_id,
    scope: row.role === 'admin' ? 'admin' : (scopes.at(-1) ?? 'read'),
    scopes,
    source: null,
    name: row.login,
    role: row.role,
  };
}

export async function endSession(pool: pg.Pool, token: string): Promise<void> {
  await queryRows(pool, queries.END_SESSION, [hashSecret(token)]);
}

/** Follows from the cookie, which a foreign page can make a browser send but cannot read: no state of its own. */
export function csrfToken(sessionToken: string): string {
  return hashSecret(`csrf ${sessionToken}`).toString('base64url');
}

export function isCsrfToken(sessionToken: string, given: unknown): boolean {
  return typeof given === 'string' && equalSecrets(csrfToken(sessionToken), given);
}

/** A fresh link's token, in place of any before; `undefined` where there ever was an administrator or a key. */
export async function issueSetUpToken(pool: pg.Pool): Promise<string | undefined> {
  const token = newSecret();
  const expiresAt = new Date(Date.now() + SET_UP_HOURS * HOUR_MS);
  const [row] = await queryRows<{ issued: boolean }>(pool, queries.ISSUE_SET_UP_TOKEN, [
    hashSecret(token),
    expiresAt,
  ]);
  return row!.issued ? token : undefined;
}

/** Makes the first administrator and logs in. @throws SET_UP_CLOSED where the link is used, too old or wrong; VALIDATION */
export async function completeSetUp(
  pool: pg.Pool,
  token: string,
  login: string,
  password: string,
): Promise<Session> {
  const tokenHash = hashSecret(token);
  const [known] = await queryRows<{ good: boolean }>(pool, queries.IS_SET_UP_TOKEN, [tokenHash]);
  if (!known!.good) throw setUpClosed();
  const values = [tokenHash, login, await hashPassword(password)];
  const [row] = await queryRows<{ id: number | null }>(pool, queries.COMPLETE_SET_UP, values);
  // Somebody else was faster.
  if (row!.id === null) throw setUpClosed();
  return beginSession(pool, row!.id, []);
}

function setUpClosed(): AppError {
  return new AppError('SET_UP_CLOSED', 'this set-up link is used, too old or wrong', {
    hint: 'A start on a database without administrators and keys prints a new one; else: customer-analyzer admins create.',
  });
}
