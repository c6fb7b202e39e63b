import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

/** 256 bits: what cannot be guessed needs no slow hash, and SHA-256 of it can be looked up by an index. */
const SECRET_BYTES = 32;

export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

export function hashSecret(secret: string): Buffer {
  return hash('sha256', secret, 'buffer');
}

/** In a time that tells nothing of where the two differ. */
export function equalSecrets(one: string, other: string): boolean {
  return timingSafeEqual(hashSecret(one), hashSecret(other));
}
