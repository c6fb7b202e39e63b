import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { integerPosition, readCursor, writeCursor } from '../analytics/cursor.ts';
import { listProducts } from '../analytics/shop.ts';
import { AppError } from '../errors.ts';
import { putProducts } from '../ingestion/catalogue/put-products.ts';
import type { RouteOptions } from './routes.ts';
import * as schemas from './schemas.ts';

const { strict, problems, nullable, text } = schemas;
const tags = ['products'];
/** Of a catalogue with long descriptions, 1,000 products are some 2 MB. */
const MAX_ITEMS = 1_000;
const MAX_BODY_BYTES = 4 << 20;

const Product = Type.Object({
  product_id: Type.Integer(),
  name: Type.String(),
  category: nullable(Type.String()),
  price: nullable(Type.Number()),
  description: nullable(Type.String()),
  attributes: nullable(Type.Record(Type.String(), Type.Unknown())),
  stock: nullable(Type.Integer({ description: 'Pieces on hand; null where nobody counts' })),
  is_merchandise: Type.Boolean(),
  is_hidden: Type.Boolean(),
});

const ProductChange = Type.Object(
  {
    product_id: text(500, { minLength: 1, description: 'Your own id' }),
    name: Type.Optional(text(1000, { minLength: 1 })),
    category: Type.Optional(text(200, { minLength: 1 })),
    price: Type.Optional(Type.Number({ minimum: 0, maximum: 1e12 })),
    description: Type.Optional(text(20_000)),
    stock: Type.Optional(Type.Integer({ minimum: -999_999_999, maximum: 999_999_999 })),
    is_merchandise: Type.Optional(Type.Boolean()),
    attributes: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  strict,
);

const PutReport = Type.Object({
  accepted: Type.Integer({ description: 'Added or changed' }),
  unchanged: Type.Integer({
    description: 'Said nothing new, or were completed by a later item of the same id',
  }),
  rejected: Type.Array(Type.Object({ index: Type.Integer(), code: Type.String(), reason: Type.String() })),
});

export const catalogueRoutes: FastifyPluginAsyncTypebox<RouteOptions> = async (app, { appPool }) => {
  app.get(
    '/api/products',
    {
      config: { scope: 'read' },
      schema: {
        tags,
        summary: 'A page of the catalogue',
        querystring: Type.Object(
          {
            search: Type.Optional(text(200, { minLength: 1, description: 'Part of the name' })),
            category: Type.Optional(text(200)),
            limit: Type.Optional({ ...schemas.Limit, default: 50 }),
            cursor: Type.Optional(schemas.Cursor),
          },
          strict,
        ),
        response: {
          200: Type.Object({ items: Type.Array(Product), next_cursor: schemas.nextCursor }),
          ...problems,
        },
      },
    },
    async ({ query: { search, category, limit = 50, cursor } }) => {
      const afterProductId = readCursor(cursor, integerPosition(1, 2_147_483_647));
      const rows = await listProducts(appPool, { limit: limit + 1, afterProductId, search, category });
      const items = rows.slice(0, limit);
      const last = rows.length > limit ? items.at(-1) : undefined;
      return { items, next_cursor: last ? writeCursor(last.product_id) : null } as never;
    },
  );

  app.put(
    '/api/products',
    {
      config: { scope: 'write' },
      bodyLimit: MAX_BODY_BYTES,
      schema: {
        tags,
        summary: 'Add or change products in bulk: what an item leaves out stays, attributes are merged',
        body: Type.Object(
          {
            source: Type.Optional(schemas.SourceName),
            items: Type.Array(ProductChange, { minItems: 1, maxItems: MAX_ITEMS }),
          },
          strict,
        ),
        response: { 200: PutReport, ...problems },
      },
    },
    async ({ body, principal }) => {
      const own = principal?.source ?? undefined;
      if (own !== undefined && body.source !== undefined && body.source !== own) {
        throw new AppError('FORBIDDEN', 'this key writes for another source', {
          hint: `Leave source out, or say ${own}.`,
        });
      }
      // The name that files of the format `products` have unless told otherwise.
      return putProducts(appPool, own ?? body.source ?? 'shop', body.items);
    },
  );
};
