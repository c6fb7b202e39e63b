import type { FastifyInstance, InjectOptions, LightMyRequestResponse as Response } from 'fastify';
import type pg from 'pg';
import { createKey } from '../../src/access/keys.ts';
import type { Scope } from '../../src/access/scopes.ts';
import { type ApiOptions, createApi } from '../../src/api/app.ts';
import { createLogger } from '../../src/logger.ts';

/** Tests send thousands of requests from one address. */
const noLimits = { perKey: 0, perPublicAddress: 0, perUnknownAddress: 0 };

export function openApi(appPool: pg.Pool, options: Partial<ApiOptions> = {}): Promise<FastifyInstance> {
  return createApi({
    appPool,
    logger: createLogger('silent'),
    version: 'test',
    now: () => new Date(),
    rateLimits: noLimits,
    ...options,
  });
}

export type Credentials = { authorization: string };

/** Headers of a new key. */
export async function credentials(appPool: pg.Pool, scope: Scope, source?: string): Promise<Credentials> {
  const { key } = await createKey(appPool, { scope, name: 'test', source });
  return { authorization: `Bearer ${key}` };
}

/** Asks as whoever has these credentials. */
export function caller(
  api: FastifyInstance,
  headers: Credentials,
): (request: string | InjectOptions) => Promise<Response> {
  return (request) => api.inject({ ...(typeof request === 'string' ? { url: request } : request), headers });
}
