import cookie from '@fastify/cookie';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { isCsrfToken } from '../../access/administrators.ts';
import { finishAction, recordAction } from '../../access/audit.ts';
import type { Principal, Scope } from '../../access/scopes.ts';
import type { Pool } from '../../database/pool.ts';
import { AppError } from '../../errors.ts';
import { type Identified, identifier, isBearerOf } from './credentials.ts';
import { createLimiter, type RateLimits } from './limits.ts';

/** `none` is open to everybody; of a list, one is enough. Who covers what: src/access/scopes.ts. */
type RouteScope = Scope | 'none' | readonly Scope[];

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route. A route that does not say is refused at start. */
    scope?: RouteScope;
    /** A bearer token that opens this one route as well, for those who must get an answer while the database, which knows the keys, is away. */
    secret?: string | undefined;
  }
  interface FastifyInstance {
    /** Every route with who may call it, once the server is ready. */
    routeScopes: { method: string; url: string; scope: RouteScope }[];
  }
  interface FastifyRequest {
    /** Who sent the request: `null` on routes of scope `none`, and to who came with a route's own secret. */
    principal: Principal | null;
  }
}

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Closes every route that is added later: each says in `config.scope` who may call it. One hook enforces it, and nothing starts without. */
export async function registerAccess(app: FastifyInstance, pool: Pool, limits: RateLimits): Promise<void> {
  await app.register(cookie);
  const limiter = await createLimiter(app, limits);
  const identify = identifier(pool);
  app.decorateRequest('principal', null);
  refuseUndeclared(app);
  app.addHook('onRequest', async (request, reply) => {
    const { scope, secret, rateLimit } = request.routeOptions.config;
    if (scope === 'none' || request.is404) {
      if (rateLimit !== false) await limiter.unknown(request);
      return;
    }
    if (isBearerOf(secret, request)) return;
    const known = await identify(request);
    if (!known) {
      reply.header('www-authenticate', 'Bearer realm="customer-analyzer"');
      await limiter.unknown(request);
      throw unauthenticated();
    }
    await limiter.known(request, known.principal);
    permit(request, known, scope);
    request.principal = known.principal;
  });
  auditAdministrators(app, pool);
}

function refuseUndeclared(app: FastifyInstance): void {
  const routes: RouteOptions[] = [];
  app.decorate('routeScopes', []);
  app.addHook('onRoute', (route) => void routes.push(route));
  // Only now: hooks of an inner context, such as that of the documentation, declare for routes that are not ours.
  app.addHook('onReady', async () => {
    const undeclared = routes.filter(({ config }) => config?.scope === undefined);
    for (const { method, url, config } of routes)
      for (const each of [method].flat())
        app.routeScopes.push({ method: each, url, scope: config?.scope as RouteScope });
    if (undeclared.length === 0) return;
    const names = undeclared.map(({ method, url }) => `${method} ${url}`).join(', ');
    throw new AppError('INTERNAL', `routes without a scope: ${names}`, {
      hint: "Say config: { scope: 'read' } where the route is added.",
    });
  });
}

function unauthenticated(): AppError {
  return new AppError('UNAUTHENTICATED', 'this needs a valid key, or a login', {
    hint: 'Send Authorization: Bearer KEY. customer-analyzer keys create --scope read makes a key.',
  });
}

function permit(
  request: FastifyRequest,
  { principal, sessionToken }: Identified,
  scope: RouteScope | undefined,
) {
  const needed: readonly string[] = Array.isArray(scope)
    ? scope
    : scope === undefined
      ? []
      : [scope as Scope];
  if (!needed.some((each) => (principal.scopes as readonly string[]).includes(each))) {
    throw new AppError('FORBIDDEN', `this needs the scope ${needed.join(' or ')}`, {
      hint: `These credentials open: ${principal.scopes.join(', ')}.`,
    });
  }
  const foreign = sessionToken !== undefined && !safeMethods.has(request.method);
  if (foreign && !isCsrfToken(sessionToken, request.headers['x-csrf-token']))
    throw new AppError('CSRF', 'a change by cookie needs the header X-CSRF-Token', {
      hint: 'Its value is csrf_token of GET /api/session.',
    });
}

/** What people change, and what admin keys do on admin routes: noted before it happens, so that nothing is done unseen. */
function auditAdministrators(app: FastifyInstance, pool: Pool): void {
  const actions = new WeakMap<FastifyRequest, number>();
  app.addHook('preHandler', async (request) => {
    const { principal } = request;
    if (!principal || safeMethods.has(request.method)) return;
    if (principal.kind === 'key' && request.routeOptions.config.scope !== 'admin') return;
    const target = Object.entries(request.params as Record<string, string>)
      .map(([name, value]) => `${name}=${value}`)
      .join(' ');
    const action = `${request.method} ${request.routeOptions.url}`;
    actions.set(request, await recordAction(pool, principal, action, target || null));
  });
  app.addHook('onResponse', async (request: FastifyRequest, reply: FastifyReply) => {
    const action = actions.get(request);
    if (action !== undefined) await finishAction(pool, action, String(reply.statusCode));
  });
}
