import { isNegative, parseDecimal } from '../decimal.ts';
import { excerpt, maxIdLength, Reject, reject, wrongCount } from '../rejects.ts';
import { otherCurrency } from './events.ts';
import { type ColumnMap, optional, type ProductFormat, type ProductRow, required } from './format.ts';
import { bagText, extraColumns, readBag } from './own-columns.ts';

/** Our own format for the catalogue, CSV or NDJSON, an upsert: docs/import-formats.md describes it. */
export const products: ProductFormat = {
  name: 'products',
  kind: 'products',
  defaultSource: 'shop',
  columns: {
    product_id: required('productid', 'id', 'sku', 'itemid'),
    name: optional('name', 'title'),
    category: optional('category'),
    price: optional('price'),
    currency: optional('currency'),
    description: optional('description'),
    stock: optional('stock'),
    is_merchandise: optional('ismerchandise'),
    attributes: optional('attributes'),
  },
  bind(columns: ColumnMap, header, context) {
    const extras = extraColumns(columns, header);
    return (fields) => {
      if (fields.length !== header.length) return wrongCount(fields.length, header.length);
      const text = (column: string): string | null => {
        const at = columns[column] as number;
        return at < 0 ? null : (fields[at] as string).trim() || null;
      };
      const externalId = text('product_id');
      if (externalId === null) return reject('missing_value', 'the product_id is empty');
      if (externalId.length > maxIdLength) return reject('value_too_long', 'the product_id is too long');
      const currency = text('currency')?.toUpperCase();
      if (currency !== undefined && currency !== context.currency)
        return otherCurrency(currency, context.currency);
      const price = text('price');
      const exactPrice = price === null ? null : parseDecimal(price);
      if (price !== null && (exactPrice === null || isNegative(exactPrice))) {
        return reject('number', `price ${excerpt(price)} is no number from 0`);
      }
      const stock = text('stock');
      if (stock !== null && !/^-?\d{1,9}$/.test(stock))
        return reject('number', `stock ${excerpt(stock)} is no whole number`);
      const merchandise = text('is_merchandise')?.toLowerCase() ?? null;
      if (merchandise !== null && !booleans.has(merchandise)) {
        return reject('missing_value', `is_merchandise ${excerpt(merchandise)} is neither true nor false`);
      }
      const bag = readBag(fields, columns['attributes'] as number, extras);
      if (bag instanceof Reject) return bag;
      return {
        externalId,
        name: text('name'),
        category: text('category'),
        price: exactPrice,
        description: text('description'),
        stock,
        isMerchandise: merchandise,
        attributes: bagText(bag),
      } satisfies ProductRow;
    };
  },
};

const booleans = new Set(['true', 'false', 't', 'f', '1', '0', 'yes', 'no']);
