import { type ExactValue, isObject, scalarText } from '../exact-json.ts';
import { eventTypePattern, otherCurrency } from '../formats/events.ts';
import { excerpt, maxIdLength, Reject, reject } from '../rejects.ts';
import type { LiveMessage } from './message.ts';
import { isFarAhead, momentOf } from './moments.ts';
import { type Bag, fill, isMoney, mention, takeText } from './properties.ts';
import type { ReadContext } from './read.ts';

const fields = new Set([
  'event_id',
  'event_type',
  'event_timestamp',
  'user_id',
  'external_user_id',
  'anonymous_id',
  'product_id',
  'external_product_id',
  'product_name',
  'product_category',
  'properties',
]);

/**
 * Reads an event in our own form: the columns of `events`, outside ids beside them. Nothing is guessed: an unknown field is
 * refused, `user_id` and `product_id` are ours.
 */
export function readEvent(body: Bag, messageId: string, context: ReadContext): LiveMessage | Reject {
  const unknown = Object.keys(body).find((key) => !fields.has(key));
  if (unknown !== undefined)
    return reject(
      'unknown_field',
      `${excerpt(unknown)} is no field of an event; your own go into properties`,
    );
  const eventType = (scalarText(body['event_type']) ?? '').trim().toLowerCase();
  if (!eventTypePattern.test(eventType))
    return reject('event_type', `event_type ${excerpt(eventType)} is no name of a type`);
  const at = readMoment(body['event_timestamp'], context);
  if (at instanceof Reject) return at;
  const ids = readIds(body);
  if (ids instanceof Reject) return ids;
  const properties = body['properties'] ?? {};
  if (!isObject(properties)) return reject('json', 'properties is no object');
  const bag: Bag = { ...properties };
  const currency = isMoney(eventType) ? takeText(bag, 'currency').toUpperCase() : '';
  if (currency !== '' && currency !== context.currency) return otherCurrency(currency, context.currency);
  const ahead = isFarAhead(at, context.receivedAt);
  const isAnonymous = ids.own === null && ids.userId === '' && ids.anonymousId !== '';
  const productKey = ids.productId || String(ids.ownProduct ?? '');
  const marks: Bag = {
    ...(isAnonymous ? { anonymous_id: ids.anonymousId } : {}),
    ...(ahead ? { clock_ahead: true } : {}),
  };
  const draft = fill(bag, eventType, productKey, marks);
  if (draft instanceof Reject) return draft;
  const { name, category } = ids;
  const line = {
    externalId: messageId,
    eventType,
    properties: draft.properties,
    needsPrice: draft.needsPrice,
    product: ids.productId === '' ? null : mention(ids.productId, name, category, draft.productPrice, '', at),
    productId: ids.ownProduct,
  };
  return {
    id: messageId,
    at,
    userId: ids.userId,
    anonymousId: ids.userId === '' && ids.own === null ? ids.anonymousId : '',
    ownUserId: ids.own,
    links: false,
    traits: null,
    lines: [line],
    flags: ahead ? ['clock_ahead'] : [],
  };
}

function readMoment(value: ExactValue | undefined, { receivedAt, timeZone }: ReadContext): number | Reject {
  if (value === undefined || value === null) return receivedAt;
  const at = typeof value === 'string' ? momentOf(value, timeZone) : null;
  return at ?? reject('timestamp', `event_timestamp ${excerpt(scalarText(value) ?? 'list')} is no moment`);
}

function readIds(body: Bag) {
  const own = wholeId(body, 'user_id', 'external_user_id');
  const ownProduct = wholeId(body, 'product_id', 'external_product_id');
  if (own instanceof Reject) return own;
  if (ownProduct instanceof Reject) return ownProduct;
  const texts: Record<string, string> = {};
  for (const key of [
    'external_user_id',
    'anonymous_id',
    'external_product_id',
    'product_name',
    'product_category',
  ]) {
    const text = scalarText(body[key]);
    if (text === null || typeof body[key] === 'boolean') return reject('json', `${key} is no text`);
    if (text.length > maxIdLength)
      return reject('value_too_long', `${key} is longer than ${maxIdLength} characters`);
    texts[key] = text.trim();
  }
  const [userId, anonymousId, productId, name, category] = Object.values(texts) as [
    string,
    string,
    string,
    string,
    string,
  ];
  if (own !== null && userId !== '')
    return reject('json', 'user_id and external_user_id name one customer each; give one');
  if (ownProduct !== null && productId !== '')
    return reject('json', 'product_id and external_product_id name one product each; give one');
  return { own, ownProduct, userId, anonymousId, productId, name, category };
}

function wholeId(body: Bag, key: string, outside: string): number | null | Reject {
  const value = body[key];
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 2_147_483_647)
    return value;
  const text = scalarText(value) ?? '';
  if (typeof value !== 'string' || !/^\d+$/.test(text))
    return reject('number', `${key} is a whole number, an id of ours; your own ids go into ${outside}`);
  const id = Number(text);
  // Digits behind the mark of exact numbers, or a text: the first is a number, the second is not.
  return value === text || id > 2_147_483_647 || id < 1
    ? reject('number', `${key} is a whole number, an id of ours; your own ids go into ${outside}`)
    : id;
}
