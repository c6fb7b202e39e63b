import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import * as read from '../analytics/read.ts';
import { getList } from '../recommendations/serve.ts';
import type { RouteOptions } from './routes.ts';
import * as schemas from './schemas.ts';

const problems = { 400: Type.Ref('Problem'), 404: Type.Ref('Problem'), 503: Type.Ref('Problem') };
const strict = { additionalProperties: false };
const responses = { 200: schemas.Recommendations, ...problems };

/** What every list can be asked; names as in the options of the SQL functions. */
const listQuery = {
  limit: Type.Optional({ ...schemas.Limit, maximum: 100, default: 10 }),
  track: Type.Optional(
    Type.Boolean({ default: false, description: 'Writes the list down and gives it a recommendation_id' }),
  ),
  language: Type.Optional(schemas.Language),
  category: Type.Optional(Type.String({ maxLength: 200 })),
  min_price: Type.Optional(Type.Number({ minimum: 0 })),
  max_price: Type.Optional(Type.Number({ minimum: 0 })),
  in_stock: Type.Optional(Type.Boolean()),
  diversity: Type.Optional(
    Type.Number({ minimum: 0, maximum: 1, description: 'Towards 1, what resembles others comes later' }),
  ),
  max_per_category: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
};
const productList = Type.String({
  pattern: '^[0-9]{1,10}(,[0-9]{1,10}){0,199}$',
  description: 'product_id, up to 200 of them, with commas between',
});

interface ListQuery {
  limit?: number;
  track?: boolean;
}

/** What is no option of the SQL function is taken out of the query. */
function split<Query extends ListQuery>({ limit = 10, track = false, ...options }: Query) {
  return { limit, tracking: { track }, options };
}

const numbers = (list: string | undefined): number[] =>
  (list ?? '')
    .split(',')
    .filter(Boolean)
    .map(Number)
    .filter((id) => id <= 2_147_483_647);

export const customerRecommendationRoutes: FastifyPluginAsyncTypebox<RouteOptions> = async (
  app,
  { appPool },
) => {
  app.get(
    '/api/users/:id/recommendations',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['recommendations'],
        summary: 'Products for one customer, each with score and reason, fresh to the last committed event',
        params: Type.Object({ id: schemas.UserId }),
        querystring: Type.Object({ ...listQuery, buy_again: Type.Optional(Type.Boolean()) }, strict),
        response: responses,
      },
    },
    async ({ params, query }) => {
      const { limit, tracking, options } = split(query);
      const list = await getList(appPool, { kind: 'user', userId: params.id, limit, options }, tracking);
      if (list.items.length === 0) await read.getUser(appPool, params.id);
      return list;
    },
  );
};

/** What a page may ask is also what a dashboard shows. */
const storefront = { scope: ['public', 'read'] as const };

export const storefrontRoutes: FastifyPluginAsyncTypebox<RouteOptions> = async (app, { appPool }) => {
  app.get(
    '/api/session/recommendations',
    {
      config: storefront,
      schema: {
        tags: ['recommendations'],
        summary: 'Products for a visitor without an account, from what was looked at (the latest last)',
        querystring: Type.Object({ ...listQuery, products: Type.Optional(productList) }, strict),
        response: responses,
      },
    },
    async ({ query: { products, ...query } }) => {
      const { limit, tracking, options } = split(query);
      return getList(appPool, { kind: 'session', productIds: numbers(products), limit, options }, tracking);
    },
  );

  app.get(
    '/api/products/:id/similar',
    {
      config: storefront,
      schema: {
        tags: ['recommendations'],
        summary: 'What is like one product',
        params: Type.Object({ id: schemas.ProductId }),
        querystring: Type.Object(listQuery, strict),
        response: responses,
      },
    },
    async ({ params, query }) => {
      const { limit, tracking, options } = split(query);
      return getList(appPool, { kind: 'similar', productId: params.id, limit, options }, tracking);
    },
  );

  app.get(
    '/api/products/bought-together',
    {
      config: storefront,
      schema: {
        tags: ['recommendations'],
        summary: 'What customers take beside all of a basket',
        querystring: Type.Object({ ...listQuery, products: productList }, strict),
        response: responses,
      },
    },
    async ({ query: { products, ...query } }) => {
      const { limit, tracking, options } = split(query);
      return getList(
        appPool,
        { kind: 'bought_together', productIds: numbers(products), limit, options },
        tracking,
      );
    },
  );

  app.get(
    '/api/products/popular',
    {
      config: storefront,
      schema: {
        tags: ['recommendations'],
        summary: 'The most wanted products of the shop or a category',
        querystring: Type.Object({ ...listQuery, window: Type.Optional(schemas.PopularityWindow) }, strict),
        response: responses,
      },
    },
    async ({ query: { window, category, ...query } }) => {
      const { limit, tracking, options } = split(query);
      return getList(appPool, { kind: 'popular', category, window, limit, options }, tracking);
    },
  );
};
