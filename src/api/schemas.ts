import { type TSchema, Type } from 'typebox';

// What validates is what documents: OpenAPI is generated from these. Field names are the columns of the SQL functions.

export const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
export const moment = Type.String({
  format: 'date-time',
  description: 'With its offset: 2026-01-31T09:30:00Z',
});
export const probability = Type.Number({ minimum: 0, maximum: 1 });
export const strict = { additionalProperties: false };
/** Of every route that asks the database; what others have in common is added to the document by itself. */
export const problems = { 400: Type.Ref('Problem'), 404: Type.Ref('Problem'), 503: Type.Ref('Problem') };
/** PostgreSQL stores no NUL. */
export const text = (maxLength: number, options: { minLength?: number; description?: string } = {}) =>
  Type.String({ maxLength, pattern: '^[^\\u0000]*$', ...options });
/** One list of values says more in an error than a union of constants. */
export const oneOf = <T extends string>(
  values: readonly T[],
  options: { default?: T; description?: string } = {},
) => Type.Unsafe<T>({ type: 'string', enum: [...values], ...options });
const status = Type.Union([
  Type.Literal('ok'),
  Type.Literal('insufficient_data'),
  Type.Literal('never_bought'),
  Type.Literal('not_scored'),
]);

export const UserId = Type.Integer({ minimum: 1, maximum: 2_147_483_647, description: 'users.user_id' });
export const ProductId = Type.Integer({
  minimum: 1,
  maximum: 2_147_483_647,
  description: 'products.product_id',
});
export const Limit = Type.Integer({ minimum: 1, maximum: 1000 });
export const Day = Type.String({ format: 'date', description: "A whole day of the shop's time zone" });

export const Language = oneOf(['en', 'ru'], { default: 'en' });
export const BigId = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
export const SourceName = Type.String({
  // `demo remove` deletes what comes from the source "demo".
  not: { const: 'demo' },
  pattern: '^[\\p{L}\\p{N}][\\p{L}\\p{N} ._-]{0,99}$',
  description: 'System that ids belong to',
});
export const Cursor = Type.String({
  pattern: '^[A-Za-z0-9_-]{1,400}$',
  description: '`next_cursor` of the page before; means something only with the same filters and order',
});
export const nextCursor = nullable(Type.String({ description: 'Leads to the next page; null on the last' }));

export const PopularityWindow = Type.Unsafe<'recent' | 'week' | 'month' | 'quarter' | 'year'>({
  type: 'string',
  enum: ['recent', 'week', 'month', 'quarter', 'year'],
  default: 'recent',
  description: 'recent looks at all time and halves it every 30 days; the others end with the last training',
});

const userFields = {
  user_id: UserId,
  telegram_id: Type.Integer({ description: 'Negative where the customer has no Telegram account' }),
  username: nullable(Type.String()),
  first_name: nullable(Type.String()),
  last_name: nullable(Type.String()),
  registration_date: nullable(moment),
  segment_code: nullable(Type.String()),
  segment_name_en: nullable(Type.String()),
  segment_name_ru: nullable(Type.String()),
  ltv: nullable(
    Type.Number({ description: 'Revenue so far plus predicted revenue, in the currency of the shop' }),
  ),
  churn_probability: nullable(probability),
  purchase_probability_30d: nullable(probability),
  last_updated: nullable(moment),
};

export const UserPage = Type.Object({
  items: Type.Array(Type.Object(userFields)),
  next_cursor: nextCursor,
});

export const UserCard = Type.Object({
  ...userFields,
  profile_data: nullable(Type.Record(Type.String(), Type.Unknown())),
  ltv_status: status,
  churn_status: status,
  purchase_status: status,
  explanation: nullable(Type.Record(Type.String(), Type.Unknown())),
  as_of: nullable(moment),
  stats: Type.Object({
    user_id: UserId,
    total_events: Type.Integer(),
    views: Type.Integer(),
    cart_additions: Type.Integer(),
    purchases: Type.Integer({ description: 'Orders' }),
    items_purchased: Type.Number(),
    revenue: Type.Number({ description: 'Net of refunds' }),
    average_order_value: nullable(Type.Number()),
    first_activity: nullable(moment),
    last_activity: nullable(moment),
    days_since_last_activity: nullable(Type.Integer()),
  }),
});

export const Explanation = Type.Object({
  items: Type.Array(
    Type.Object({
      line: Type.Integer({ minimum: 1 }),
      score: Type.Unsafe<'segment' | 'ltv' | 'purchase' | 'churn' | null>({
        enum: ['segment', 'ltv', 'purchase', 'churn', null],
        description: 'null in the first line, which is about all scores',
      }),
      status: nullable(status),
      kind: Type.Unsafe<'summary' | 'fact' | 'for' | 'against' | 'missing'>({
        type: 'string',
        enum: ['summary', 'fact', 'for', 'against', 'missing'],
        description: '`for` raised the probability of the summary above it, `against` lowered it',
      }),
      value: nullable(
        Type.Number({
          description: "The score, or the customer's value of the feature; for `missing` what there is",
        }),
      ),
      feature: nullable(Type.String()),
      effect: nullable(Type.Number({ description: 'In log-odds, before calibration' })),
      text: Type.String(),
    }),
  ),
});

export const Recommendations = Type.Object({
  items: Type.Array(
    Type.Object({
      rank: Type.Integer({ minimum: 1 }),
      product_id: Type.Integer(),
      name: Type.String(),
      category: nullable(Type.String()),
      price: nullable(Type.Number()),
      score: Type.Number(),
      reason_code: Type.String(),
      reason: Type.String(),
      reason_product_id: nullable(Type.Integer({ description: 'The product that the reason is about' })),
      reason_weight: nullable(Type.Number({ description: 'What that product adds to the score' })),
      model_run_id: Type.Integer({ description: 'The version that made the list' }),
    }),
  ),
  recommendation_id: Type.Optional(
    Type.String({
      format: 'uuid',
      description: 'With track=true: events bring it back in properties.recommendation_id, and are counted',
    }),
  ),
});

export const TopProducts = Type.Object({
  start: nullable(Type.String()),
  end: nullable(Type.String()),
  items: Type.Array(
    Type.Object({
      product_id: Type.Integer(),
      name: Type.String(),
      category: nullable(Type.String()),
      views: Type.Integer(),
      cart_additions: Type.Integer(),
      purchases: Type.Integer(),
      buyers: Type.Integer(),
      revenue: Type.Number(),
      conversion: nullable(Type.Number({ description: 'Purchases per view' })),
    }),
  ),
});

export const Segments = Type.Object({
  items: Type.Array(
    Type.Object({
      segment_id: Type.Integer(),
      code: Type.String(),
      name_en: Type.String(),
      name_ru: Type.String(),
      description_en: Type.String(),
      description_ru: Type.String(),
      customers: Type.Integer(),
      share: nullable(Type.Number()),
      mean_ltv: nullable(Type.Number()),
      mean_churn_probability: nullable(Type.Number()),
      mean_purchase_probability_30d: nullable(Type.Number()),
    }),
  ),
});

export const Health = Type.Object({ status: Type.Literal('ok') });

/** A worker says that it lives every 5 seconds. */
export const WORKER_IS_LATE_SECONDS = 30;
export const Readiness = Type.Object({
  status: Type.Literal('ok'),
  worker: Type.Unsafe<'ok' | 'missing'>({
    type: 'string',
    enum: ['ok', 'missing'],
    description: 'Whether background jobs are worked on; the API does not need it',
  }),
  worker_age_seconds: nullable(Type.Number({ description: 'Since any worker was heard of' })),
});
