import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import * as read from '../analytics/read.ts';
import type { Pool } from '../database/pool.ts';
import { checkReady } from '../database/ready.ts';
import { AppError } from '../errors.ts';
import { readReadiness } from '../metrics/read.ts';
import { migrationNames } from './metrics-routes.ts';
import { periodOf } from './period.ts';
import * as schemas from './schemas.ts';

export interface RouteOptions {
  appPool: Pool;
  now: () => Date;
}

const { problems, strict } = schemas;
/** Whoever watches over the service asks often, and must get an answer while others get none. */
const open = { scope: 'none' as const, rateLimit: false as const };
const reads = { scope: 'read' as const };
const userParams = Type.Object({ id: schemas.UserId });

export const healthRoutes: FastifyPluginAsyncTypebox<RouteOptions> = async (app, { appPool }) => {
  app.get(
    '/healthz',
    {
      config: open,
      schema: { tags: ['health'], summary: 'The process is alive', response: { 200: schemas.Health } },
    },
    async () => ({ status: 'ok' as const }),
  );
  app.get(
    '/readyz',
    {
      config: open,
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
    '/api/users/:id',
    {
      config: reads,
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
      config: reads,
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
};

export const productRoutes: FastifyPluginAsyncTypebox<RouteOptions> = async (app, { appPool, now }) => {
  app.get(
    '/api/products/top',
    {
      config: reads,
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
      const period = await periodOf(appPool, query, now());
      const items = period ? await read.getTopProducts(appPool, period, query.limit ?? 10) : [];
      return { start: period?.start_date ?? null, end: period?.end_date ?? null, items };
    },
  );

  app.get(
    '/api/segments',
    {
      config: reads,
      schema: {
        tags: ['customers'],
        summary: 'Segments with size and mean scores',
        response: { 200: schemas.Segments, ...problems },
      },
    },
    async () => ({ items: await read.listSegments(appPool) }),
  );
};
