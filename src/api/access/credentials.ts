import type { FastifyRequest } from 'fastify';
import { findSession } from '../../access/administrators.ts';
import { keyFinder, shareQuestions } from '../../access/keys.ts';
import type { Principal } from '../../access/scopes.ts';
import { equalSecrets } from '../../access/secrets.ts';
import type { Pool } from '../../database/pool.ts';

export const SESSION_COOKIE = 'ca_session';

/** Bearer, or the user name of Basic, as Segment's clients send their write key. */
function keyOf(authorization: string): string | undefined {
  const [, scheme, value] = /^(bearer|basic) +(\S+)$/i.exec(authorization) ?? [];
  if (scheme === undefined || value === undefined) return undefined;
  if (scheme.toLowerCase() === 'bearer') return value;
  return Buffer.from(value, 'base64').toString('latin1').split(':')[0];
}

/** Whether the request carries this secret. */
export function isBearerOf(secret: string | undefined, { headers }: FastifyRequest): boolean {
  const [, value] = /^bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  return secret !== undefined && value !== undefined && equalSecrets(value, secret);
}

export interface Identified {
  readonly principal: Principal;
  /** Present where the cookie, not a key, says who it is: then a foreign page may have sent the request. */
  readonly sessionToken: string | undefined;
}

/** @returns a function that says who sent a request; `undefined` for nobody that we know */
export function identifier(pool: Pool): (request: FastifyRequest) => Promise<Identified | undefined> {
  const findKey = keyFinder(pool);
  const find = shareQuestions((token: string) => findSession(pool, token));
  return async (request) => {
    const { authorization } = request.headers;
    // Who sends a key means the key: a wrong one is not mended by a cookie.
    if (authorization !== undefined) {
      const key = keyOf(authorization);
      const principal = key === undefined ? undefined : await findKey(key);
      return principal && { principal, sessionToken: undefined };
    }
    const sessionToken = request.cookies[SESSION_COOKIE];
    const principal = sessionToken ? await find(sessionToken) : undefined;
    return principal && { principal, sessionToken };
  };
}
