import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { AppError } from '../errors.ts';

/**
 * One of the settings of equal strength in OWASP's Password Storage Cheat Sheet (N = 2^15, r = 8, p = 3). It is the one that needs 32 MiB,
 * not 128: several people may log in at once beside PostgreSQL on a small machine.
 */
const LOG_N = 15;
const R = 8;
const P = 3;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const MIN_PASSWORD_LENGTH = 12;
/** Longer than anybody types; without a bound a request could buy seconds of hashing. */
export const MAX_PASSWORD_LENGTH = 256;

interface Parameters {
  logN: number;
  r: number;
  p: number;
}

function derive(password: string, salt: Buffer, bytes: number, { logN, r, p }: Parameters): Promise<Buffer> {
  const options: ScryptOptions = { N: 2 ** logN, r, p, maxmem: 256 * 2 ** logN * r };
  return new Promise((resolve, reject) => {
    // Two keyboards write the same letter with different code points.
    scrypt(password.normalize('NFKC'), salt, bytes, options, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

/** @returns `$scrypt$ln=…,r=…,p=…$salt$hash`, so that stronger parameters can come without breaking what is stored. @throws VALIDATION */
export async function hashPassword(password: string): Promise<string> {
  if (password.length < MIN_PASSWORD_LENGTH || password.length > MAX_PASSWORD_LENGTH) {
    throw new AppError('VALIDATION', 'the password is too short or too long', {
      hint: `Give ${MIN_PASSWORD_LENGTH} to ${MAX_PASSWORD_LENGTH} characters.`,
    });
  }
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, salt, HASH_BYTES, { logN: LOG_N, r: R, p: P });
  return `$scrypt$ln=${LOG_N},r=${R},p=${P}$${salt.toString('base64')}$${hash.toString('base64')}`;
}

const stored = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)$/;
let decoy: Promise<string> | undefined;

/** With nobody to compare with, it still takes as long: the time must not tell which logins exist. */
export async function verifyPassword(password: string, storedHash: string | null): Promise<boolean> {
  decoy ??= hashPassword(randomBytes(SALT_BYTES).toString('hex'));
  const parts = stored.exec(storedHash ?? (await decoy));
  if (!parts) return false;
  const [, logN, r, p, salt, hash] = parts as unknown as [string, string, string, string, string, string];
  const expected = Buffer.from(hash, 'base64');
  const parameters = { logN: Number(logN), r: Number(r), p: Number(p) };
  const actual = await derive(password, Buffer.from(salt, 'base64'), expected.length, parameters);
  return timingSafeEqual(actual, expected) && storedHash !== null;
}
