import { type TSchema, Type } from 'typebox';

// What validates is what documents: OpenAPI is generated from these. Field names are the columns of the SQL functions.

const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
const moment = Type.String({ format: 'date-time' });
const probability = Type.Number({ minimum: 0, maximum: 1 });
const status = Type.Union([
  Type.Literal('ok'),
  Type.Literal('insufficient_data'),
  Type.Literal('never_bought'),
  Type.Literal('not_scored'),
]);

export const UserId = Type.Integer({ minimum: 1, maximum: 2_147_483_647, description: 'users.user_id' });
export const Limit = Type.Integer({ minimum: 1, maximum: 1000 });
export const Day = Type.String({ format: 'date', description: "A whole day of the shop's time zone" });

/** One list of values says more in an error than a union of constants. */
export const Language = Type.Unsafe<'en' | 'ru'>({ type: 'string', enum: ['en', 'ru'], default: 'en' });

const userFields = {
  user_id: UserId,
  telegram_id: Type.Integer({ description: 'Negative where the customer has no Telegram account' }),
  username: nullable(Type.String()),
  first_name: nullable(Type.String()),
  last_name: nullable(Type.String()),
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
  next_after: nullable(
    Type.Integer({ description: 'Give it as `after` to get the next page; null on the last' }),
  ),
});

export const UserCard = Type.Object({
  ...userFields,
  registration_date: nullable(moment),
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
      reason_product_id: nullable(Type.Integer()),
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
