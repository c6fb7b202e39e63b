import { isNegative, magnitude, parseDecimal } from '../decimal.ts';
import { jsonString } from '../exact-json.ts';
import { excerpt, maxIdLength, reject, wrongCount } from '../rejects.ts';
import { rememberingTimestamps } from '../timestamps.ts';
import {
  type BindContext,
  type ColumnMap,
  type EventDraft,
  type EventFormat,
  type EventMapper,
  optional,
  required,
} from './format.ts';

/**
 * UCI Online Retail and Online Retail II (Chen, Sain and Guo 2012): one line item a row, no time zone, pounds.
 *
 * - An invoice that begins with C is a cancellation: its negative lines are refunds, stored positive.
 * - A line of negative quantity without C (lost, broken, found), of price 0 or below, or of an invoice that begins with A
 *   ("Adjust bad debt") is an adjustment: kept as the file has it, with the clerk's remark, and counted in nothing.
 * - All other lines are sales, postage included: it is revenue, but its code is no merchandise.
 */
export const onlineRetail: EventFormat = {
  name: 'online-retail',
  kind: 'events',
  defaultSource: 'online-retail',
  columns: {
    invoice: required('invoiceno', 'invoice'),
    stockCode: required('stockcode'),
    description: optional('description'),
    quantity: required('quantity'),
    invoiceDate: required('invoicedate'),
    unitPrice: required('unitprice', 'price'),
    customer: required('customerid'),
    country: optional('country'),
  },
  bind,
};

/** Merchandise has a code of five digits and perhaps letters, or a code of the Dotcomgiftshop range; all else is a fee. */
const merchandise = /^(\d{4,}[A-Za-z]*|DCGS.*|SP\d+)$/;
/** The catalogue's descriptions are in capitals; remarks of the warehouse ("damaged", "?", "thrown away") are not. */
const catalogueName = /^[^a-z?]*[A-Z]{3}[^a-z?]*$/;
/** Data frames write ids with gaps as floats: 17850.0. */
const floatId = /^(\d+)\.0+$/;

function bind(columns: ColumnMap, header: readonly string[], context: BindContext): EventMapper {
  const at = columns as Record<keyof typeof onlineRetail.columns, number>;
  const [invoiceAt, stockAt, quantityAt, dateAt] = [
    at['invoice'],
    at['stockCode'],
    at['quantity'],
    at['invoiceDate'],
  ] as [number, number, number, number];
  const [priceAt, customerAt, descriptionAt, countryAt] = [
    at['unitPrice'],
    at['customer'],
    at['description'],
    at['country'],
  ] as [number, number, number, number];
  const timestampOf = rememberingTimestamps(context.slashOrder);
  return {
    toEvent(fields, draft) {
      if (fields.length !== header.length) return wrongCount(fields.length, header.length);
      const invoice = (fields[invoiceAt] as string).trim();
      const stockCode = (fields[stockAt] as string).trim();
      if (invoice === '' || stockCode === '') return missing;
      if (invoice.length + stockCode.length > maxIdLength) return tooLong;
      const timestamp = timestampOf(fields[dateAt] as string);
      if (timestamp === null)
        return reject('timestamp', `InvoiceDate ${excerpt(fields[dateAt] as string)} is no moment`);
      const quantity = parseDecimal(fields[quantityAt] as string);
      if (quantity === null)
        return reject('number', `Quantity ${excerpt(fields[quantityAt] as string)} is no number`);
      const price = parseDecimal(fields[priceAt] as string);
      if (price === null) return reject('number', `price ${excerpt(fields[priceAt] as string)} is no number`);
      const customer = (fields[customerAt] as string).trim();
      if (customer.length > maxIdLength) return tooLong;
      draft.timestamp = timestamp;
      draft.userId = customer === '' ? '' : customer.replace(floatId, '$1');
      draft.productId = stockCode;
      draft.naturalKey = `${invoice}/${stockCode}`;
      const description = descriptionAt < 0 ? '' : (fields[descriptionAt] as string).trim();
      fillLine(draft, invoice, quantity, price, description);
      return null;
    },
    describeUser: (fields) => {
      const country = countryAt < 0 ? '' : (fields[countryAt] as string).trim();
      return country === '' ? '{}' : `{"country":${jsonString(country)}}`;
    },
    describeProduct: (fields) => ({
      category: null,
      attributes: '{}',
      isMerchandise: merchandise.test((fields[stockAt] as string).trim()),
    }),
  };
}

function fillLine(
  draft: EventDraft,
  invoice: string,
  quantity: string,
  price: string,
  description: string,
): void {
  const first = invoice.charCodeAt(0) | 32;
  const worthSomething = price !== '0' && !isNegative(price);
  const order = jsonString(invoice);
  if (first === 99 /* c */ && isNegative(quantity) && worthSomething) {
    draft.eventType = 'refund';
    draft.properties = `{"order_id":${order},"quantity":${magnitude(quantity)},"unit_price":${price}}`;
  } else if (first >= 97 || quantity === '0' || isNegative(quantity) || !worthSomething) {
    draft.eventType = 'adjustment';
    const note = description === '' ? '' : `,"note":${jsonString(description)}`;
    draft.properties = `{"order_id":${order},"quantity":${quantity},"unit_price":${price}${note}}`;
  } else {
    draft.eventType = 'purchase';
    draft.properties = `{"order_id":${order},"quantity":${quantity},"unit_price":${price}}`;
  }
  const isSale = draft.eventType === 'purchase';
  const isNamed = description !== '' && (isSale || catalogueName.test(description));
  draft.productName = isNamed ? description : '';
  draft.productNameRank = isNamed ? (isSale ? 2 : 1) : 0;
  draft.productPrice = isSale ? price : '';
}

const missing = reject('missing_value', 'the invoice or the stock code is empty');
const tooLong = reject('value_too_long', `an id is longer than ${maxIdLength} characters`);
