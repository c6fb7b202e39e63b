import { isNegative, parseDecimal } from '../decimal.ts';
import { jsonString } from '../exact-json.ts';
import { hashedKey } from '../natural-key.ts';
import { excerpt, maxIdLength, type Reject, reject, wrongCount } from '../rejects.ts';
import { rememberingTimestamps } from '../timestamps.ts';
import {
  type BindContext,
  type ColumnMap,
  type EventFormat,
  type EventMapper,
  optional,
  required,
} from './format.ts';

/**
 * REES46 multi-category store (Kechinov 2019-2020, Kaggle): views, carts, removals from the cart and purchases, one piece
 * each, with price, brand and category. A session is taken as one order: the files have no order id.
 */
export const rees46: EventFormat = {
  name: 'rees46',
  kind: 'events',
  defaultSource: 'rees46',
  columns: {
    time: required('eventtime'),
    type: required('eventtype'),
    product: required('productid'),
    categoryId: optional('categoryid'),
    category: optional('categorycode'),
    brand: optional('brand'),
    price: required('price'),
    user: required('userid'),
    session: required('usersession'),
  },
  bind,
};

const eventTypes: ReadonlyMap<string, string> = new Map([
  ['view', 'view'],
  ['cart', 'add_to_cart'],
  ['remove_from_cart', 'remove_from_cart'],
  ['purchase', 'purchase'],
]);

const missing = reject('missing_value', 'the product id or the user id is empty');
const tooLong = reject('value_too_long', `an id is longer than ${maxIdLength} characters`);

function bind(columns: ColumnMap, header: readonly string[], context: BindContext): EventMapper {
  const place = (column: string): number => columns[column] as number;
  const [timeAt, typeAt, productAt, priceAt] = [
    place('time'),
    place('type'),
    place('product'),
    place('price'),
  ];
  const [userAt, sessionAt] = [place('user'), place('session')];
  const field = (fields: readonly string[], at: number): string =>
    at < 0 ? '' : (fields[at] as string).trim();
  const timestampOf = rememberingTimestamps(context.slashOrder);
  return {
    toEvent(fields, draft): Reject | null {
      if (fields.length !== header.length) return wrongCount(fields.length, header.length);
      const timestamp = timestampOf(fields[timeAt] as string);
      if (timestamp === null)
        return reject('timestamp', `event_time ${excerpt(fields[timeAt] as string)} is no moment`);
      const type = eventTypes.get(fields[typeAt] as string);
      if (type === undefined)
        return reject('event_type', `event_type ${excerpt(fields[typeAt] as string)} is not known`);
      const price = parseDecimal(fields[priceAt] as string);
      if (price === null || isNegative(price)) {
        return reject('number', `price ${excerpt(fields[priceAt] as string)} is no number from 0`);
      }
      const product = fields[productAt] as string;
      const user = fields[userAt] as string;
      const session = fields[sessionAt] as string;
      if (product === '' || user === '') return missing;
      if (product.length > maxIdLength || user.length > maxIdLength || session.length > maxIdLength)
        return tooLong;
      draft.eventType = type;
      draft.timestamp = timestamp;
      draft.userId = user;
      draft.productId = product;
      draft.naturalKey = hashedKey(timestamp, `${session}/${type}/${product}/${user}`);
      const isSale = type === 'purchase';
      const order = isSale && session !== '' ? `"order_id":${jsonString(session)},` : '';
      const visit = !isSale && session !== '' ? `,"session":${jsonString(session)}` : '';
      draft.properties = `{${order}${isSale ? '"quantity":1,' : ''}"unit_price":${price}${visit}}`;
      draft.productName = productName(
        product,
        field(fields, place('brand')),
        field(fields, place('category')),
      );
      draft.productNameRank = 2;
      draft.productPrice = price;
      return null;
    },
    describeUser: () => '{}',
    describeProduct: (fields) => {
      const brand = field(fields, place('brand'));
      const categoryId = field(fields, place('categoryId'));
      const attributes = [
        ...(brand === '' ? [] : [`"brand":${jsonString(brand)}`]),
        ...(categoryId === '' ? [] : [`"category_id":${jsonString(categoryId)}`]),
      ];
      const category = field(fields, place('category'));
      return {
        category: category === '' ? null : category,
        attributes: `{${attributes.join(',')}}`,
        isMerchandise: true,
      };
    },
  };
}

/** The files name no products: `samsung smartphone 1004856` tells an analyst more than the number alone. */
function productName(id: string, brand: string, category: string): string {
  const kind = category.slice(category.lastIndexOf('.') + 1).replaceAll('_', ' ');
  return `${brand}${brand === '' ? '' : ' '}${kind}${kind === '' ? '' : ' '}${id}`;
}
