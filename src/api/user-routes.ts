import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { integerPosition, readCursor, writeCursor } from '../analytics/cursor.ts';
import { userSorts } from '../analytics/find-users.ts';
import * as read from '../analytics/read.ts';
import { getTimeline } from '../analytics/shop.ts';
import { listUsers } from '../analytics/user-list.ts';
import type { RouteOptions } from './routes.ts';
import * as schemas from './schemas.ts';
import { userFilterFields } from './user-filters.ts';

const { strict, problems, nullable } = schemas;
const config = { scope: 'read' as const };
const tags = ['customers'];

const UserQuery = Type.Object(
  {
    ...userFilterFields,
    sort: Type.Optional(schemas.oneOf(userSorts, { default: 'user_id' })),
    order: Type.Optional(schemas.oneOf(['asc', 'desc'], { default: 'asc' })),
    limit: Type.Optional({ ...schemas.Limit, default: 50 }),
    cursor: Type.Optional(schemas.Cursor),
  },
  strict,
);

export const userListRoutes: FastifyPluginAsyncTypebox<RouteOptions> = async (app, { appPool }) => {
  app.get(
    '/api/users',
    {
      config,
      schema: {
        tags,
        summary:
          'A page of customers with their scores: searched, filtered, sorted; missing values come last',
        querystring: UserQuery,
        response: { 200: schemas.UserPage, ...problems },
      },
    },
    async ({ query }) =>
      (await listUsers(appPool, { sort: 'user_id', order: 'asc', limit: 50, ...query })) as never,
  );
};

const Timeline = Type.Object({
  items: Type.Array(
    Type.Object({
      event_id: schemas.BigId,
      event_type: Type.String(),
      event_timestamp: schemas.moment,
      product_id: nullable(Type.Integer()),
      product_name: nullable(Type.String()),
      revenue: nullable(Type.Number({ description: 'Negative for a refund; null where no money moved' })),
      properties: Type.Unknown(),
    }),
  ),
  next_cursor: schemas.nextCursor,
});

export const timelineRoutes: FastifyPluginAsyncTypebox<RouteOptions> = async (app, { appPool }) => {
  app.get(
    '/api/users/:id/events',
    {
      config,
      schema: {
        tags,
        summary: 'What one customer did, newest first',
        params: Type.Object({ id: schemas.UserId }),
        querystring: Type.Object(
          {
            limit: Type.Optional({ ...schemas.Limit, default: 50 }),
            cursor: Type.Optional(schemas.Cursor),
          },
          strict,
        ),
        response: { 200: Timeline, ...problems },
      },
    },
    async ({ params, query }) => {
      const limit = query.limit ?? 50;
      const before = readCursor(query.cursor, integerPosition(1, Number.MAX_SAFE_INTEGER));
      const rows = await getTimeline(appPool, params.id, limit + 1, before);
      if (rows.length === 0) await read.getUser(appPool, params.id);
      const items = rows.slice(0, limit);
      const last = rows.length > limit ? items.at(-1) : undefined;
      return { items, next_cursor: last ? writeCursor(last.event_id) : null } as never;
    },
  );
};
