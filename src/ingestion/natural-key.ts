import { createHash } from 'node:crypto';

/**
 * A key for events whose source gives them none: the moment, then 96 bits of SHA-256 over everything else. The moment
 * stands first so that neighbours in time are neighbours in the index; a bare hash would scatter the inserts of a large
 * file over all of it.
 */
export function hashedKey(timestamp: string, content: string): string {
  const moment = timestamp.slice(0, 19).replace(/\D/g, '');
  return `${moment}.${createHash('sha256').update(content).digest('base64url').slice(0, 16)}`;
}
