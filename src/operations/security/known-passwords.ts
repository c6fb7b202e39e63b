import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto';

/** Passwords that this project's documents name, and those that are tried first everywhere. The role's own name is added. */
const KNOWN = [
  'app_password',
  'ml_password',
  'admin_password',
  'metrics_password',
  'postgres',
  'password',
  'admin',
  'secret',
  '123456',
];

/** `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, as pg_authid has it (RFC 5803). */
const SCRAM = /^SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):/;

function matches(stored: string, password: string, role: string): boolean {
  const scram = SCRAM.exec(stored);
  if (scram === null) {
    return (
      stored ===
      `md5${createHash('md5')
        .update(password + role)
        .digest('hex')}`
    );
  }
  const [, iterations, salt, storedKey] = scram as unknown as [string, string, string, string];
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const expected = Buffer.from(storedKey, 'base64');
  const actual = createHash('sha256').update(clientKey).digest();
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

/** Whether a stored password (SCRAM-SHA-256 or MD5) is one that everybody would try. */
export function isKnownPassword(stored: string, role: string): boolean {
  return [...KNOWN, role].some((password) => matches(stored, password, role));
}
