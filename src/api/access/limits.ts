import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Principal } from '../../access/scopes.ts';
import { AppError } from '../../errors.ts';

/** Requests a minute; 0 is no limit. */
export interface RateLimits {
  /** For a key, or a person who logged in. */
  readonly perKey: number;
  /** For a public key from one address: each visitor of a storefront is one. */
  readonly perPublicAddress: number;
  /** For an address, of requests without valid credentials: also to health's neighbours, login and set-up. */
  readonly perUnknownAddress: number;
}

export const defaultRateLimits: RateLimits = {
  perKey: 60_000,
  perPublicAddress: 600,
  perUnknownAddress: 300,
};

const MINUTE_MS = 60_000;

export interface Limiter {
  known(request: FastifyRequest, principal: Principal): Promise<void>;
  unknown(request: FastifyRequest): Promise<void>;
}

function whose(principal: Principal): string {
  return principal.keyId === null ? `administrator ${principal.administratorId}` : `key ${principal.keyId}`;
}

/** Counts in this process's memory: a limit keeps a caller from harming others, it is no accounting. @throws TOO_MANY_REQUESTS */
export async function createLimiter(app: FastifyInstance, limits: RateLimits): Promise<Limiter> {
  await app.register(rateLimit, { global: false });
  const limiter = (max: number, key: (request: FastifyRequest) => string) => {
    if (max === 0) return async () => undefined;
    const count = app.createRateLimit({ max, timeWindow: MINUTE_MS, keyGenerator: key });
    return async (request: FastifyRequest): Promise<void> => {
      const result = await count(request);
      if (result.isAllowed || !result.isExceeded) return;
      throw new AppError('TOO_MANY_REQUESTS', `more than ${max} requests within a minute`, {
        details: { retryAfterSeconds: result.ttlInSeconds },
        hint: `Try again in ${result.ttlInSeconds} s.`,
      });
    };
  };
  const principals = new WeakMap<FastifyRequest, Principal>();
  const of = (request: FastifyRequest): Principal => principals.get(request) as Principal;
  const perKey = limiter(limits.perKey, (request) => whose(of(request)));
  const perPublicAddress = limiter(
    limits.perPublicAddress,
    (request) => `${whose(of(request))} ${request.ip}`,
  );
  return {
    async known(request, principal) {
      principals.set(request, principal);
      await (principal.scope === 'public' ? perPublicAddress(request) : perKey(request));
    },
    unknown: limiter(limits.perUnknownAddress, (request) => request.ip),
  };
}
