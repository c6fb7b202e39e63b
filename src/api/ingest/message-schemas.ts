import { type TObject, type TProperties, Type } from 'typebox';
import type { MessageKind } from '../../ingestion/live/message.ts';

// What the documentation shows of the bodies. The feature reads them itself and says of each item what is wrong with it; Segment's clients
// send more than stands here, which is let through.

const open = { additionalProperties: true };
const anything = Type.Object({}, open);
const moment = Type.String({ format: 'date-time' });
const id = (description: string) => Type.String({ minLength: 1, maxLength: 200, description });

const envelope = {
  messageId: Type.Optional(id('The same message again has the same id, and counts once')),
  timestamp: Type.Optional(moment),
  sentAt: Type.Optional(moment),
  context: Type.Optional(anything),
};
const who = {
  userId: Type.Optional(id('The customer, by your own id')),
  anonymousId: Type.Optional(id('The visitor, as long as nobody knows who it is')),
};
const name = Type.Optional(Type.String({ maxLength: 200 }));

const own: Record<Exclude<MessageKind, 'event'>, TProperties> = {
  track: {
    ...who,
    event: Type.String({ minLength: 1, maxLength: 200, description: 'Product Viewed, Order Completed, …' }),
    properties: Type.Optional(anything),
  },
  identify: { ...who, traits: Type.Optional(anything) },
  alias: {
    userId: id('The customer, by your own id'),
    previousId: id('The visitor who turned out to be the customer'),
  },
  page: { ...who, name, properties: Type.Optional(anything) },
  screen: { ...who, name, properties: Type.Optional(anything) },
  group: { ...who, groupId: id('The group'), traits: Type.Optional(anything) },
};

export function segmentMessage(kind: keyof typeof own): TObject {
  return Type.Object({ ...own[kind], ...envelope }, open);
}

export const SegmentBatch = Type.Object(
  {
    batch: Type.Array(
      Type.Object({ type: Type.Enum(Object.keys(own)), ...own.track, event: name, ...envelope }, open),
    ),
    sentAt: envelope.sentAt,
    context: envelope.context,
  },
  open,
);

const Event = Type.Object(
  {
    event_id: Type.Optional(id('The same event again has the same id, and counts once')),
    event_type: Type.String({
      pattern: '^[a-z][a-z0-9_]{0,99}$',
      description: 'view, add_to_cart, purchase, …',
    }),
    event_timestamp: Type.Optional(moment),
    user_id: Type.Optional(Type.Integer({ minimum: 1, description: 'Ours' })),
    external_user_id: Type.Optional(id('The customer, by your own id')),
    anonymous_id: Type.Optional(id('The visitor, as long as nobody knows who it is')),
    product_id: Type.Optional(Type.Integer({ minimum: 1, description: 'Ours' })),
    external_product_id: Type.Optional(id('The product, by your own id')),
    product_name: name,
    product_category: name,
    properties: Type.Optional(
      Type.Object({}, { ...open, description: 'quantity, unit_price, amount, order_id, …' }),
    ),
  },
  { additionalProperties: false },
);
export const EventBody = Type.Union([Event, Type.Array(Event)]);
