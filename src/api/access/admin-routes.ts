import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import {
  createAdministrator,
  disableAdministrator,
  enableAdministrator,
  listAdministrators,
} from '../../access/administrators.ts';
import { listActions } from '../../access/audit.ts';
import { createKey, listKeys, revokeKey } from '../../access/keys.ts';
import { keyScopes, roles } from '../../access/scopes.ts';
import type { Pool } from '../../database/pool.ts';
import { BigId, moment, nullable, oneOf, problems, SourceName, strict, text } from '../schemas.ts';
import { Login, Password } from './session-routes.ts';

const Key = Type.Object({
  key_id: BigId,
  prefix: Type.String({ description: 'Beginning of the key, to recognise it by' }),
  scope: oneOf(keyScopes),
  name: Type.String(),
  source: nullable(Type.String()),
  created_at: moment,
  expires_at: nullable(moment),
  revoked_at: nullable(moment),
  last_used_at: nullable(moment),
});
const Administrator = Type.Object({
  administrator_id: BigId,
  login: Type.String(),
  role: oneOf(roles),
  created_at: moment,
  disabled_at: nullable(moment),
  last_login_at: nullable(moment),
});
const Action = Type.Object({
  action_id: BigId,
  started_at: moment,
  administrator_id: nullable(BigId),
  login: nullable(Type.String()),
  key_id: nullable(BigId),
  action: Type.String(),
  target: nullable(Type.String()),
  outcome: nullable(Type.String({ description: 'HTTP status or a word; null while it goes on' })),
});
const NewKey = Type.Object(
  {
    scope: oneOf(keyScopes),
    name: Type.Optional(text(100)),
    source: Type.Optional(SourceName),
    expires_at: Type.Optional(moment),
  },
  strict,
);
const NewAdministrator = Type.Object({ login: Login, role: oneOf(roles), password: Password }, strict);
const config = { scope: 'admin' as const };
const params = Type.Object({ id: BigId });
const noQuery = Type.Object({}, strict);
const tags = ['access'];

export const keyRoutes: FastifyPluginAsyncTypebox<{ appPool: Pool }> = async (app, { appPool }) => {
  app.get(
    '/api/keys',
    {
      config,
      schema: {
        tags,
        summary: 'All keys, also revoked ones; no key itself',
        querystring: noQuery,
        response: { 200: Type.Object({ items: Type.Array(Key) }), ...problems },
      },
    },
    async () => ({ items: await listKeys(appPool) }) as never,
  );
  app.post(
    '/api/keys',
    {
      config,
      schema: {
        tags,
        summary: 'Make a key: the answer is the only place where it is ever shown',
        body: NewKey,
        response: { 201: Type.Object({ id: BigId, key: Type.String() }), ...problems },
      },
    },
    async ({ body }, reply) => {
      const made = await createKey(appPool, {
        scope: body.scope,
        name: body.name ?? '',
        source: body.source,
        expiresAt: body.expires_at === undefined ? undefined : new Date(body.expires_at),
      });
      return reply.code(201).send(made);
    },
  );
  app.delete(
    '/api/keys/:id',
    {
      config,
      schema: { tags, summary: 'Revoke a key, at once', params, response: { 204: Type.Null(), ...problems } },
    },
    async (request, reply) => {
      await revokeKey(appPool, request.params.id);
      return reply.code(204).send(null);
    },
  );
};

export const administratorRoutes: FastifyPluginAsyncTypebox<{ appPool: Pool }> = async (app, { appPool }) => {
  app.get(
    '/api/admins',
    {
      config,
      schema: {
        tags,
        summary: 'Who can log in',
        querystring: noQuery,
        response: { 200: Type.Object({ items: Type.Array(Administrator) }), ...problems },
      },
    },
    async () => ({ items: await listAdministrators(appPool) }) as never,
  );
  app.post(
    '/api/admins',
    {
      config,
      schema: {
        tags,
        summary: 'A new administrator',
        body: NewAdministrator,
        response: { 201: Type.Object({ id: BigId }), ...problems },
      },
    },
    async ({ body }, reply) => {
      const id = await createAdministrator(appPool, body.login, body.role, body.password);
      return reply.code(201).send({ id });
    },
  );
  app.delete(
    '/api/admins/:id',
    {
      config,
      schema: {
        tags,
        summary: 'Disable an administrator and end the sessions, at once',
        params,
        response: { 204: Type.Null(), ...problems },
      },
    },
    async (request, reply) => {
      await disableAdministrator(appPool, request.params.id);
      return reply.code(204).send(null);
    },
  );
  app.post(
    '/api/admins/:id/enable',
    {
      config,
      schema: {
        tags,
        summary: 'Let a disabled administrator log in again, with the password of before',
        params,
        response: { 204: Type.Null(), ...problems },
      },
    },
    async (request, reply) => {
      await enableAdministrator(appPool, request.params.id);
      return reply.code(204).send(null);
    },
  );
};

export const auditRoutes: FastifyPluginAsyncTypebox<{ appPool: Pool }> = async (app, { appPool }) => {
  app.get(
    '/api/audit',
    {
      config,
      schema: {
        tags,
        summary: 'What administrators and admin keys did, newest first',
        querystring: Type.Object(
          {
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
            before: Type.Optional({ ...BigId, description: 'The last action_id of the page before' }),
          },
          strict,
        ),
        response: { 200: Type.Object({ items: Type.Array(Action) }), ...problems },
      },
    },
    async ({ query }) =>
      ({ items: await listActions(appPool, query.limit ?? 100, query.before ?? null) }) as never,
  );
};
