import { isNegative, parseDecimal } from '../decimal.ts';
import { excerpt, maxIdLength, reject } from '../rejects.ts';
import { parseCompactDate, parseTimestamp } from '../timestamps.ts';
import {
  type BindContext,
  type ColumnMap,
  type EventFormat,
  type EventMapper,
  optional,
  required,
  undescribed,
} from './format.ts';

/**
 * CDNOW (Fader and Hardie 2001): the 1/10 sample has five columns (master id, sample id, YYYYMMDD, CDs, dollars), the
 * master has no sample id; blanks or another delimiter between, with or without a header. A day is a purchase at
 * 00:00 of the shop's time zone. The customer is known by the master id in both, so that the sample is part of the master.
 */
export const cdnow: EventFormat = {
  name: 'cdnow',
  kind: 'events',
  defaultSource: 'cdnow',
  columns: {
    customer: required('customerid', 'masterid', 'customer', 'cid', 'id', 'userid'),
    sample: optional('sampleid', 'newid', 'customersampleid', 'sample'),
    date: required('date', 'transactiondate', 'purchasedate'),
    quantity: required('numberofcds', 'numcds', 'numbercds', 'cds', 'quantity', 'qty', 'number', 'units'),
    amount: required('amount', 'dollars', 'dollarvalue', 'spent', 'sales', 'value', 'price'),
  },
  bind,
};

const masterColumns = ['customer_id', 'date', 'number_of_cds', 'dollars'];
const sampleColumns = ['customer_id', 'sample_id', 'date', 'number_of_cds', 'dollars'];
const idDigits = 5;

/** The columns of a file without a header, by its first lines; null when they do not look like CDNOW. */
export function cdnowHeaderless(rows: readonly (readonly string[])[]): string[] | null {
  let fits = 0;
  let width = 0;
  for (const row of rows) {
    const count = row.length;
    if (count !== 4 && count !== 5) continue;
    const [date, quantity, dollars] = row.slice(-3).map((field) => field.trim()) as [string, string, string];
    if (parseCompactDate(date) === null || !/^\d+$/.test((row[0] as string).trim())) continue;
    if (parseDecimal(quantity) === null || parseDecimal(dollars) === null) continue;
    fits++;
    width = count;
  }
  if (fits === 0 || fits * 2 < rows.length) return null;
  return width === 4 ? masterColumns : sampleColumns;
}

function bind(columns: ColumnMap, header: readonly string[], context: BindContext): EventMapper {
  const [customerAt, dateAt] = [columns['customer'] as number, columns['date'] as number];
  const [quantityAt, amountAt] = [columns['quantity'] as number, columns['amount'] as number];
  return {
    toEvent(fields, draft) {
      if (fields.length !== header.length) {
        return reject('columns', `${fields.length} fields where ${header.length} belong`);
      }
      const customer = (fields[customerAt] as string).trim();
      if (customer === '') return reject('missing_value', 'the customer id is empty');
      if (customer.length > maxIdLength) return reject('value_too_long', 'the customer id is too long');
      const day = (fields[dateAt] as string).trim();
      const timestamp = parseCompactDate(day) ?? parseTimestamp(day, context.slashOrder);
      if (timestamp === null) return reject('timestamp', `${excerpt(day)} is no day (YYYYMMDD)`);
      const quantity = parseDecimal((fields[quantityAt] as string).trim());
      if (quantity === null || isNegative(quantity)) {
        return reject('number', `number of CDs ${excerpt(fields[quantityAt] as string)} is no number from 0`);
      }
      const amount = parseDecimal((fields[amountAt] as string).trim());
      if (amount === null || isNegative(amount)) {
        return reject('number', `dollars ${excerpt(fields[amountAt] as string)} is no number from 0`);
      }
      draft.eventType = 'purchase';
      draft.timestamp = timestamp;
      // Data frames drop the leading zeros that the original has: 00004 and 4 are one customer.
      draft.userId = /^\d+$/.test(customer) ? customer.padStart(idDigits, '0') : customer;
      draft.naturalKey = `${draft.userId}/${timestamp.slice(0, 10)}`;
      draft.properties = `{"quantity":${quantity},"amount":${amount}}`;
      return null;
    },
    describeUser: () => '{}',
    describeProduct: () => undescribed,
  };
}
