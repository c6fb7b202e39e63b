import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import * as read from '../analytics/read.ts';
import type { Pool } from '../database/pool.ts';
import { checkReady } from '../database/ready.ts';
import { AppError } from '../errors.ts';
import { readReadiness } from '../metrics/read.ts';
import { getRecommendations } from '../recommendations/serve.ts';
import { migrationNames } from './metrics-routes.ts';
import * as schemas from './schemas.ts';

export interface RouteOptions {
  appPool: Pool;
  now: () => Date;
}

const problems = { 400: Type.Ref('Problem'), 404: Type.Ref('Problem'), 503: Type.Ref('Problem') };
const strict = { additionalProperties: false };
const userParams = Type.Object({ id: schemas.UserId });

export const healthRoutes: FastifyPluginAsyncTypebox<RouteOptions> = async (app, { appPool }) => {
  app.get(
    '/healthz',
    { schema: { tags: ['health'], summary: 'The process is alive', response: { 200: schemas.Health } } },
    async () => ({ status: 'ok' as const }),
  );
  app.get(
    '/readyz',
    {
      schema: {
        tags: ['health'],
        summary: 'The database answers and has all migrations; whether a worker runs',
        response: { 200: schemas.Readiness, 503: problems[503] },
      },
    },
    async () => {
      await checkReady(appPool);
      const { pendingMigrations, workerAgeSeconds } = await readReadiness(appPool, migrationNames);
      if (pendingMigrations.length > 0)
        throw new AppError('DATABASE_NOT_READY', `the database lacks ${pendingMigrations.join(', ')}`);
      // Without a worker the API answers as before: taken out of service for it, nothing would.
      const late = workerAgeSeconds === null || workerAgeSeconds > schemas.WORKER_IS_LATE_SECONDS;
      return {
        status: 'ok' as const,
        worker: late ? ('missing' as const) : ('ok' as const),
        worker_age_seconds: workerAgeSeconds,
      };
    },
  );
};

export const userRoutes: FastifyPluginAsyncTypebox<RouteOptions> = async (app, { appPool, now }) => {
  app.get(
    '/api/users',
    {
      schema: {
        tags: ['customers'],
        summary: 'A page of customers with their scores, by user_id',
        querystring: Type.Object(
          {
            limit: Type.Optional({ ...schemas.Limit, default: 50 }),
            after: Type.Optional(
              Type.Integer({
                minimum: 0,
                maximum: 2_147_483_647,
                description: '`next_after` of the page before',
              }),
            ),
            segment: Type.Optional(Type.String({ maxLength: 100, description: 'Code of a segment' })),
          },
          strict,
        ),
        response: { 200: schemas.UserPage, ...problems },
      },
    },
    async ({ query }) => {
      const limit = query.limit ?? 50;
      // One more than asked tells whether there is another page.
      const rows = await read.listUsers(appPool, {
        limit: limit + 1,
        afterUserId: query.after,
        segment: query.segment,
      });
      const items = rows.slice(0, limit);
      return { items, next_after: rows.length > limit ? (items.at(-1)?.user_id ?? null) : null } as never;
    },
  );

  app.get(
    '/api/users/:id',
    {
      schema: {
        tags: ['customers'],
        summary: 'One customer: profile, activity, scores and the numbers behind them',
        params: userParams,
        querystring: Type.Object({}, strict),
        response: { 200: schemas.UserCard, ...problems },
      },
    },
    async ({ params }) => {
      const [card, stats] = await Promise.all([
        read.getUser(appPool, params.id),
        read.getUserStats(appPool, params.id, now()),
      ]);
      return { ...card, stats } as never;
    },
  );
};

/** What comes with its reasons. */
export const reasonRoutes: FastifyPluginAsyncTypebox<RouteOptions> = async (app, { appPool }) => {
  app.get(
    '/api/users/:id/explanation',
    {
      schema: {
        tags: ['customers'],
        summary: "Why one customer's scores are so, in sentences to read from top to bottom",
        params: userParams,
        querystring: Type.Object({ language: Type.Optional(schemas.Language) }, strict),
        response: { 200: schemas.Explanation, ...problems },
      },
    },
    async ({ params, query }) =>
      ({ items: await read.explainUser(appPool, params.id, query.language ?? 'en') }) as never,
  );

  app.get(
    '/api/users/:id/recommendations',
    {
      schema: {
        tags: ['customers'],
        summary: 'Products for one customer, each with score and reason, fresh to the last committed event',
        params: userParams,
        querystring: Type.Object(
          {
            limit: Type.Optional({ ...schemas.Limit, maximum: 100, default: 10 }),
            language: Type.Optional(schemas.Language),
            category: Type.Optional(Type.String({ maxLength: 200 })),
          },
          strict,
        ),
        response: { 200: schemas.Recommendations, ...problems },
      },
    },
    async ({ params, query }) => {
      const { language, category } = query;
      const items = await getRecommendations(appPool, params.id, query.limit ?? 10, { language, category });
      if (items.length === 0) await read.getUser(appPool, params.id);
      return { items };
    },
  );
};

export const productRoutes: FastifyPluginAsyncTypebox<RouteOptions> = async (app, { appPool, now }) => {
  app.get(
    '/api/products/top',
    {
      schema: {
        tags: ['products'],
        summary: 'Products by revenue within a period; without one, the 30 days up to the latest event',
        querystring: Type.Object(
          {
            start: Type.Optional(schemas.Day),
            end: Type.Optional(schemas.Day),
            limit: Type.Optional({ ...schemas.Limit, default: 10 }),
          },
          strict,
        ),
        response: { 200: schemas.TopProducts, ...problems },
      },
    },
    async ({ query }) => {
      if ((query.start === undefined) !== (query.end === undefined)) {
        throw new AppError('VALIDATION', 'start and end are given together or not at all', {
          hint: '?start=2024-01-01&end=2024-01-31',
        });
      }
      const period =
        query.start !== undefined && query.end !== undefined
          ? { start_date: query.start, end_date: query.end }
          : await read.latestPeriod(appPool, now());
      const items = period ? await read.getTopProducts(appPool, period, query.limit ?? 10) : [];
      return { start: period?.start_date ?? null, end: period?.end_date ?? null, items };
    },
  );

  app.get(
    '/api/segments',
    {
      schema: {
        tags: ['customers'],
        summary: 'Segments with size and mean scores',
        response: { 200: schemas.Segments, ...problems },
      },
    },
    async () => ({ items: await read.listSegments(appPool) }),
  );
};
