import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { completeSetUp, csrfToken, endSession, logIn, type Session } from '../../access/administrators.ts';
import { recordAction, terminal } from '../../access/audit.ts';
import { MAX_PASSWORD_LENGTH } from '../../access/passwords.ts';
import { keyScopes, type Principal, roles } from '../../access/scopes.ts';
import type { Pool } from '../../database/pool.ts';
import { AppError } from '../../errors.ts';
import { nullable, oneOf, problems, strict, text } from '../schemas.ts';
import { SESSION_COOKIE } from './credentials.ts';

export const Login = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$',
  maxLength: 100,
  description: 'A name or an e-mail address',
});
export const Password = text(MAX_PASSWORD_LENGTH, { minLength: 1 });

const WhoAmI = Type.Object({
  kind: oneOf(['key', 'administrator']),
  name: Type.String({ description: 'Name of the key, or login' }),
  role: nullable(oneOf(roles)),
  scopes: Type.Array(oneOf(keyScopes)),
  csrf_token: nullable(
    Type.String({ description: 'Send it as X-CSRF-Token with every change; null for keys, which need none' }),
  ),
});

function whoAmI(principal: Principal, sessionToken: string | undefined) {
  const { kind, name, role, scopes } = principal;
  const csrf_token = kind === 'administrator' && sessionToken ? csrfToken(sessionToken) : null;
  return { kind, name, role, scopes: [...scopes], csrf_token };
}

function setCookie(request: FastifyRequest, reply: FastifyReply, { token, expiresAt }: Session): void {
  reply.setCookie(SESSION_COOKIE, token, {
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    // Behind TLS, also that of a proxy which TRUST_PROXY names.
    secure: request.protocol === 'https',
    expires: expiresAt,
  });
}

export const sessionRoutes: FastifyPluginAsyncTypebox<{ appPool: Pool }> = async (app, { appPool }) => {
  app.get(
    '/api/session',
    {
      config: { scope: keyScopes },
      schema: {
        tags: ['access'],
        summary: 'Who the credentials belong to and what they open',
        querystring: Type.Object({}, strict),
        response: { 200: WhoAmI, ...problems },
      },
    },
    async (request) => whoAmI(request.principal as Principal, request.cookies[SESSION_COOKIE]),
  );

  app.post(
    '/api/session',
    {
      config: { scope: 'none' },
      schema: {
        tags: ['access'],
        summary: 'Log in: sets the session cookie',
        body: Type.Object({ login: Login, password: Password }, strict),
        response: { 200: WhoAmI, 401: Type.Ref('Problem'), ...problems },
      },
    },
    async (request, reply) => {
      const { login, password } = request.body;
      const session = await logIn(appPool, login, password, request.ip).catch(async (error: AppError) => {
        // Who it was is not known, and what was typed as a login may be a password.
        if (error.code === 'LOGIN_FAILED') await recordAction(appPool, terminal, 'login', null, 'failed');
        throw error;
      });
      await recordAction(appPool, session.principal, 'login', null, 'ok');
      setCookie(request, reply, session);
      return whoAmI(session.principal, session.token);
    },
  );

  app.delete(
    '/api/session',
    {
      config: { scope: keyScopes },
      schema: {
        tags: ['access'],
        summary: 'Log out',
        response: { 204: Type.Null(), ...problems },
      },
    },
    async (request, reply) => {
      const token = request.cookies[SESSION_COOKIE];
      if (request.principal?.kind !== 'administrator' || !token)
        throw new AppError('VALIDATION', 'a key has no session to end', { hint: 'Revoke the key instead.' });
      await endSession(appPool, token);
      reply.clearCookie(SESSION_COOKIE, { path: '/' });
      return reply.code(204).send(null);
    },
  );

  app.post(
    '/api/set-up',
    {
      config: { scope: 'none' },
      schema: {
        tags: ['access'],
        summary:
          'Make the first administrator with the one-time link that the first start prints, and log in',
        body: Type.Object(
          { token: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }), login: Login, password: Password },
          strict,
        ),
        response: { 200: WhoAmI, 409: Type.Ref('Problem'), ...problems },
      },
    },
    async (request, reply) => {
      const { token, login, password } = request.body;
      const session = await completeSetUp(appPool, token, login, password);
      await recordAction(appPool, session.principal, 'set-up', null, 'ok');
      setCookie(request, reply, session);
      return whoAmI(session.principal, session.token);
    },
  );
};
