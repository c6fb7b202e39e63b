import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { findUsers, type UserPosition, type UserSort, userSorts } from '../analytics/find-users.ts';
import * as read from '../analytics/read.ts';
import { getTimeline } from '../analytics/shop.ts';
import { integerPosition, readCursor, writeCursor } from './cursor.ts';
import type { RouteOptions } from './routes.ts';
import * as schemas from './schemas.ts';
import { toUserFilters, userFilterFields } from './user-filters.ts';

const { strict, problems, nullable } = schemas;
const config = { scope: 'read' as const };
const tags = ['customers'];

/** What PostgreSQL writes for a value that customers are sorted by; anything else is no cursor of ours. */
const sortValues: Record<UserSort, RegExp> = {
  user_id: /^\d{1,10}$/,
  registration_date: /^[0-9: .+-]{19,40}$/,
  ltv: /^-?\d{1,40}(\.\d{1,40})?$/,
  churn_probability: /^[0-9.e-]{1,20}$/,
  purchase_probability_30d: /^[0-9.e-]{1,20}$/,
  last_updated: /^[0-9: .+-]{19,40}$/,
};
const userIdPosition = integerPosition(1, 2_147_483_647);

function userPosition(sort: UserSort) {
  return (position: unknown): UserPosition | undefined => {
    if (!Array.isArray(position) || position.length !== 3 || position[0] !== sort) return undefined;
    const [, value, id] = position;
    const user_id = userIdPosition(id);
    const valid = value === null || (typeof value === 'string' && sortValues[sort].test(value));
    return user_id !== undefined && valid ? { value, user_id } : undefined;
  };
}

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
    async ({ query }) => {
      const sort = query.sort ?? 'user_id';
      const { items, next } = await findUsers(appPool, {
        filters: toUserFilters(query),
        sort,
        descending: query.order === 'desc',
        limit: query.limit ?? 50,
        after: readCursor(query.cursor, userPosition(sort)),
      });
      const next_cursor = next ? writeCursor([sort, next.value, next.user_id]) : null;
      return { items, next_cursor } as never;
    },
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
