import { jsonString } from '../exact-json.ts';
import { excerpt, maxIdLength, type Reject, reject, wrongCount } from '../rejects.ts';
import { parseEpoch } from '../timestamps.ts';
import { type ColumnMap, type EventFormat, type EventMapper, required, undescribed } from './format.ts';

/**
 * RetailRocket events.csv (Zykov 2017, Kaggle): milliseconds, visitor, view / addtocart / transaction, item, transaction.
 * The set has no prices: sales get the product's current price if the catalogue was imported under the same source.
 */
export const retailrocket: EventFormat = {
  name: 'retailrocket',
  kind: 'events',
  defaultSource: 'retailrocket',
  columns: {
    timestamp: required('timestamp'),
    visitor: required('visitorid'),
    event: required('event'),
    item: required('itemid'),
    transaction: required('transactionid'),
  },
  bind,
};

const eventTypes: ReadonlyMap<string, string> = new Map([
  ['view', 'view'],
  ['addtocart', 'add_to_cart'],
  ['transaction', 'purchase'],
]);

function bind(columns: ColumnMap, header: readonly string[]): EventMapper {
  const [timeAt, visitorAt, eventAt] = [columns['timestamp'], columns['visitor'], columns['event']] as [
    number,
    number,
    number,
  ];
  const [itemAt, transactionAt] = [columns['item'], columns['transaction']] as [number, number];
  return {
    toEvent(fields, draft): Reject | null {
      if (fields.length !== header.length) return wrongCount(fields.length, header.length);
      const moment = fields[timeAt] as string;
      const timestamp = parseEpoch(moment);
      if (timestamp === null) return reject('timestamp', `timestamp ${excerpt(moment)} is no Unix time`);
      const type = eventTypes.get(fields[eventAt] as string);
      if (type === undefined)
        return reject('event_type', `event ${excerpt(fields[eventAt] as string)} is not known`);
      const visitor = fields[visitorAt] as string;
      const item = fields[itemAt] as string;
      const transaction = (fields[transactionAt] as string).trim();
      if (visitor === '' || item === '') return reject('missing_value', 'the visitor or the item is empty');
      if (Math.max(visitor.length, item.length, transaction.length) > maxIdLength / 5) {
        return reject('value_too_long', `an id is longer than ${maxIdLength / 5} characters`);
      }
      draft.eventType = type;
      draft.timestamp = timestamp;
      draft.userId = visitor;
      draft.productId = item;
      draft.naturalKey = `${moment}/${visitor}/${type}/${item}${transaction === '' ? '' : `/${transaction}`}`;
      const order = transaction === '' ? '' : `"order_id":${jsonString(transaction)},`;
      draft.properties = type === 'purchase' ? `{${order}"quantity":1}` : '{}';
      draft.needsPrice = type === 'purchase';
      return null;
    },
    describeUser: () => '{}',
    describeProduct: () => undescribed,
  };
}
