import { Type } from 'typebox';
import { moment, probability, text } from './schemas.ts';

/** What the list of customers and its export can be narrowed down by. */
export const userFilterFields = {
  search: Type.Optional(
    text(200, {
      minLength: 1,
      description:
        'Beginning of a first name, last name or user name, several words for several; or an id, ours, of Telegram or of another system',
    }),
  ),
  segment: Type.Optional(Type.String({ maxLength: 100, description: 'Code of a segment' })),
  min_ltv: Type.Optional(Type.Number({ minimum: -1e12, maximum: 1e12 })),
  max_ltv: Type.Optional(Type.Number({ minimum: -1e12, maximum: 1e12 })),
  min_churn_probability: Type.Optional(probability),
  max_churn_probability: Type.Optional(probability),
  min_purchase_probability_30d: Type.Optional(probability),
  max_purchase_probability_30d: Type.Optional(probability),
  active_since: Type.Optional({
    ...moment,
    description: 'Has an event at this moment or later; with its offset',
  }),
  inactive_since: Type.Optional({
    ...moment,
    description: 'Has no event at this moment or later; with its offset',
  }),
  profile: Type.Optional(
    text(2000, { description: 'JSON object that profile_data contains, such as {"country":"DE"}' }),
  ),
};
