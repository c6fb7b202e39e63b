import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { changeOwnPassword } from '../../access/administrators.ts';
import { keyScopes } from '../../access/scopes.ts';
import type { Pool } from '../../database/pool.ts';
import { AppError } from '../../errors.ts';
import { problems, strict } from '../schemas.ts';
import { SESSION_COOKIE } from './credentials.ts';
import { Password } from './session-routes.ts';

export const passwordRoutes: FastifyPluginAsyncTypebox<{ appPool: Pool }> = async (app, { appPool }) => {
  app.put(
    '/api/session/password',
    {
      config: { scope: keyScopes },
      schema: {
        tags: ['access'],
        summary: 'Change the password of whoever is logged in; all their other sessions end',
        body: Type.Object({ password: Password, new_password: Password }, strict),
        response: { 204: Type.Null(), 401: Type.Ref('Problem'), ...problems },
      },
    },
    async (request, reply) => {
      const sessionToken = request.cookies[SESSION_COOKIE];
      const { principal, ip: address } = request;
      if (principal?.kind !== 'administrator' || !sessionToken)
        throw new AppError('VALIDATION', 'a key has no password', { hint: 'Make a new key instead.' });
      const who = { login: principal.name, sessionToken, address };
      await changeOwnPassword(appPool, who, request.body.password, request.body.new_password);
      return reply.code(204).send(null);
    },
  );
};
