import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { getModelRun, listModels, realisedOutcomes } from '../analytics/models.ts';
import * as read from '../analytics/read.ts';
import { getOverview, getRevenueSeries, revenueUnits } from '../analytics/shop.ts';
import { periodOf } from './period.ts';
import type { RouteOptions } from './routes.ts';
import * as schemas from './schemas.ts';

const { strict, problems, nullable, moment } = schemas;
const config = { scope: 'read' as const };
const count = Type.Integer({ minimum: 0 });
const periodFields = { start: Type.Optional(schemas.Day), end: Type.Optional(schemas.Day) };

const Overview = Type.Object({
  start: nullable(Type.String()),
  end: nullable(Type.String()),
  time_zone: Type.String(),
  currency: Type.String(),
  totals: nullable(
    Type.Object({
      customers: count,
      new_customers: count,
      active_customers: count,
      buyers: count,
      orders: count,
      revenue: Type.Number({ description: 'Net of refunds' }),
      scored_customers: count,
      mean_ltv: nullable(Type.Number()),
      mean_churn_probability: nullable(schemas.probability),
      mean_purchase_probability_30d: nullable(schemas.probability),
    }),
  ),
  segments: Type.Array(
    Type.Object({ code: Type.String(), customers: count, share: nullable(Type.Number()) }),
  ),
});

const RevenueSeries = Type.Object({
  start: nullable(Type.String()),
  end: nullable(Type.String()),
  unit: schemas.oneOf(revenueUnits),
  items: Type.Array(
    Type.Object({
      start_date: Type.String({ format: 'date' }),
      end_date: Type.String({ format: 'date' }),
      revenue: Type.Number(),
      orders: count,
      buyers: count,
      active_customers: count,
    }),
  ),
});

export const overviewRoutes: FastifyPluginAsyncTypebox<RouteOptions> = async (app, { appPool, now }) => {
  app.get(
    '/api/overview',
    {
      config,
      schema: {
        tags: ['shop'],
        summary: 'The shop in figures; without a period, of the 30 days up to the latest event',
        querystring: Type.Object(periodFields, strict),
        response: { 200: Overview, ...problems },
      },
    },
    async ({ query }) => {
      const period = await periodOf(appPool, query, now());
      const [shop, segments, totals] = await Promise.all([
        read.getShop(appPool),
        read.listSegments(appPool),
        period ? getOverview(appPool, period) : null,
      ]);
      return {
        start: period?.start_date ?? null,
        end: period?.end_date ?? null,
        ...shop,
        totals,
        segments: segments.map(({ code, customers, share }) => ({ code, customers, share })),
      };
    },
  );

  app.get(
    '/api/revenue',
    {
      config,
      schema: {
        tags: ['shop'],
        summary: 'Net revenue, orders, buyers and active customers by day, week or month',
        querystring: Type.Object(
          { ...periodFields, unit: Type.Optional(schemas.oneOf(revenueUnits, { default: 'day' })) },
          strict,
        ),
        response: { 200: RevenueSeries, ...problems },
      },
    },
    async ({ query }) => {
      const unit = query.unit ?? 'day';
      const period = await periodOf(appPool, query, now());
      const items = period ? await getRevenueSeries(appPool, period, unit) : [];
      return { start: period?.start_date ?? null, end: period?.end_date ?? null, unit, items };
    },
  );
};

const modelFields = {
  model_run_id: schemas.BigId,
  kind: Type.String(),
  algorithm: nullable(Type.String()),
  status: Type.String({ description: 'champion: what score applies' }),
  as_of: moment,
  finished_at: moment,
  data_from: nullable(moment),
  customers: nullable(count),
  duration_seconds: nullable(Type.Number()),
  code_version: Type.String(),
};
const Outcome = Type.Object({
  model_run_id: schemas.BigId,
  as_of: moment,
  question: Type.String(),
  horizon_days: Type.Integer(),
  customers: count,
  said: Type.Number({ description: 'Share that was forecast' }),
  came: Type.Number({ description: 'Share that came' }),
  standard_error: Type.Number(),
});

export const modelRoutes: FastifyPluginAsyncTypebox<RouteOptions> = async (app, { appPool, now }) => {
  app.get(
    '/api/models',
    {
      config,
      schema: {
        tags: ['models'],
        summary: 'Trainings and scorings, newest first',
        querystring: Type.Object(
          {
            kind: Type.Optional(schemas.text(50)),
            limit: Type.Optional({ ...schemas.Limit, default: 50 }),
          },
          strict,
        ),
        response: { 200: Type.Object({ items: Type.Array(Type.Object(modelFields)) }), ...problems },
      },
    },
    async ({ query }) => ({ items: await listModels(appPool, query.kind, query.limit ?? 50) }) as never,
  );

  app.get(
    '/api/models/outcomes',
    {
      config,
      schema: {
        tags: ['models'],
        summary: 'What scorings said whose time has come, and what came',
        response: { 200: Type.Object({ items: Type.Array(Outcome) }), ...problems },
      },
    },
    async () => ({ items: await realisedOutcomes(appPool, now()) }) as never,
  );

  app.get(
    '/api/models/:id',
    {
      config,
      schema: {
        tags: ['models'],
        summary: 'One run with its parameters and its evaluation beside the naive baseline',
        params: Type.Object({ id: schemas.BigId }),
        response: {
          200: Type.Object({
            ...modelFields,
            parameters: Type.Record(Type.String(), Type.Unknown()),
            evaluation: Type.Record(Type.String(), Type.Unknown()),
          }),
          ...problems,
        },
      },
    },
    async ({ params }) => {
      // The coefficients and trees are for the program, and large.
      const { model: _, ...run } = await getModelRun(appPool, params.id);
      return run as never;
    },
  );
};
