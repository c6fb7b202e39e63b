import { isNegative, parseDecimal } from '../decimal.ts';
import { jsonString, scalarText, stringifyExact } from '../exact-json.ts';
import { hashedKey } from '../natural-key.ts';
import { excerpt, maxIdLength, Reject, reject, wrongCount } from '../rejects.ts';
import { parseEpoch, rememberingTimestamps } from '../timestamps.ts';
import {
  type BindContext,
  type ColumnMap,
  type EventDraft,
  type EventFormat,
  type EventMapper,
  optional,
  required,
  undescribed,
} from './format.ts';
import { type Bag, extraColumns, readBag } from './own-columns.ts';

/** Our own format for events, CSV or NDJSON: docs/import-formats.md describes it. */
export const events: EventFormat = {
  name: 'events',
  kind: 'events',
  defaultSource: 'shop',
  columns: {
    event_id: optional('eventid', 'id'),
    event_type: required('eventtype', 'type'),
    event_timestamp: required('eventtimestamp', 'timestamp', 'eventtime', 'time'),
    user_id: optional('userid', 'customerid'),
    product_id: optional('productid', 'itemid'),
    order_id: optional('orderid'),
    quantity: optional('quantity'),
    unit_price: optional('unitprice', 'price'),
    amount: optional('amount'),
    currency: optional('currency'),
    properties: optional('properties'),
  },
  bind,
};

/** An event type is a key of an index and of the shop's rules. */
export const eventTypePattern = /^[\p{L}\p{N}][\p{L}\p{N} _.:-]{0,63}$/u;
const amounts = ['quantity', 'unit_price', 'amount'] as const;

interface Money {
  quantity: string;
  unit_price: string;
  amount: string;
}

function bind(columns: ColumnMap, header: readonly string[], context: BindContext): EventMapper {
  const extras = extraColumns(columns, header);
  const timestampOf = rememberingTimestamps(context.slashOrder);
  const text = (fields: readonly string[], column: string): string => {
    const at = columns[column] as number;
    return at < 0 ? '' : (fields[at] as string).trim();
  };
  return {
    toEvent(fields, draft): Reject | null {
      if (fields.length !== header.length) return wrongCount(fields.length, header.length);
      const type = text(fields, 'event_type').toLowerCase();
      if (!eventTypePattern.test(type))
        return reject('event_type', `event_type ${excerpt(type)} is no name of a type`);
      const moment = text(fields, 'event_timestamp');
      const timestamp = timestampOf(moment) ?? parseEpoch(moment);
      if (timestamp === null) return reject('timestamp', `event_timestamp ${excerpt(moment)} is no moment`);
      const currency = text(fields, 'currency').toUpperCase();
      if (currency !== '' && currency !== context.currency) return otherCurrency(currency, context.currency);
      const id = text(fields, 'event_id');
      draft.userId = text(fields, 'user_id');
      draft.productId = text(fields, 'product_id');
      if (Math.max(id.length, draft.userId.length, draft.productId.length) > maxIdLength) return tooLong;
      const bag = readBag(fields, columns['properties'] as number, extras);
      if (bag instanceof Reject) return bag;
      draft.eventType = type;
      draft.timestamp = timestamp;
      const wrong = fillProperties(draft, bag, (column) => text(fields, column));
      if (wrong !== null) return wrong;
      draft.numbered = id === '';
      draft.naturalKey = id === '' ? contentKey(draft) : id;
      return null;
    },
    describeUser: () => '{}',
    describeProduct: () => undescribed,
  };
}

/**
 * Writes a draft's `properties`, `needsPrice` and `productPrice`. Columns win over keys of the same name in the bag, which is
 * used up; those are checked like columns.
 */
export function fillProperties(draft: EventDraft, bag: Bag, column: (name: string) => string): Reject | null {
  const take = (name: string): string | null => {
    const value = column(name) || scalarText(bag[name]);
    delete bag[name];
    return value;
  };
  const order = take('order_id');
  if (order === null) return reject('json', 'order_id is a list or an object');
  const money: Money = { quantity: '', unit_price: '', amount: '' };
  for (const name of amounts) {
    const written = take(name);
    if (written === '') continue;
    const value = written === null ? null : parseDecimal(written);
    if (value === null) return reject('number', `${name} ${excerpt(written ?? 'list')} is no number`);
    money[name] = value;
  }
  const isMoney = draft.eventType === 'purchase' || draft.eventType === 'refund';
  if (isMoney) {
    const wrong = checkMoney(money);
    if (wrong !== null) return wrong;
    if (money.quantity === '' && money.amount === '') money.quantity = '1';
  }
  draft.needsPrice = isMoney && money.amount === '' && money.unit_price === '' && draft.productId !== '';
  const parts = order === '' ? [] : [`"order_id":${jsonString(order)}`];
  for (const name of amounts) if (money[name] !== '') parts.push(`"${name}":${money[name]}`);
  const rest = stringifyExact(bag);
  if (rest.length > 2) parts.push(rest.slice(1, -1));
  draft.properties = `{${parts.join(',')}}`;
  draft.productPrice = draft.eventType === 'purchase' ? money.unit_price : '';
  return null;
}

function checkMoney({ quantity, unit_price, amount }: Money): Reject | null {
  if (quantity === '0' || isNegative(quantity)) {
    return reject(
      'number',
      `quantity ${quantity} is not above 0; a refund is written with a positive quantity`,
    );
  }
  const negative = [unit_price, amount].find(isNegative);
  return negative === undefined
    ? null
    : reject('number', `${negative} is below 0; a refund is written positive`);
}

function contentKey(draft: EventDraft): string {
  const { timestamp, eventType, userId, productId, properties } = draft;
  return hashedKey(timestamp, [timestamp, eventType, userId, productId, properties].join('\u001f'));
}

const tooLong = reject('value_too_long', `an id is longer than ${maxIdLength} characters`);

export function otherCurrency(found: string, expected: string): Reject {
  return reject('currency', `the currency is ${excerpt(found)}, the shop's is ${expected}`);
}
