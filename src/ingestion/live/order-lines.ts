import { type ExactValue, isObject, scalarText } from '../exact-json.ts';
import { Reject, reject } from '../rejects.ts';
import type { LiveLine } from './message.ts';
import { type Bag, type LineContext, productLine, takeText } from './properties.ts';

/** What an order says of its whole worth, best first. */
const totals = ['amount', 'total', 'revenue', 'value', 'subtotal'];

/**
 * The lines of an order or of its return: one a product, joined by `order_id`. What is said of the whole order stays with its first
 * line, under `order`. Without products the order is one line, worth its total.
 */
export function orderLines(properties: Bag, context: LineContext): LiveLine[] | Reject {
  const { products, ...order } = properties;
  const orderId = takeText(order, 'order_id', 'orderId');
  if (!Array.isArray(products) || products.length === 0) return wholeOrder(order, orderId, context);
  const lines: LiveLine[] = [];
  for (const product of products) {
    if (!isObject(product)) return reject('json', `products[${lines.length}] is no object`);
    const bag: Bag = { ...product };
    delete bag['order'];
    if (orderId !== '') bag['order_id'] = orderId;
    if (lines.length === 0 && Object.keys(order).length > 0) bag['order'] = order;
    const line = productLine(bag, lines.length + 1, context);
    if (line instanceof Reject) return line;
    lines.push(line);
  }
  return lines;
}

function wholeOrder(order: Bag, orderId: string, context: LineContext): LiveLine[] | Reject {
  const isOneProduct = ['product_id', 'productId', 'sku'].some((key) => scalarText(order[key]));
  const bag: Bag = { ...order };
  if (orderId !== '') bag['order_id'] = orderId;
  const hasPrice = bag['price'] !== undefined || bag['unit_price'] !== undefined;
  const total = totals.map((key) => order[key]).find((value) => (scalarText(value) ?? '') !== '');
  if (total !== undefined && !(isOneProduct && hasPrice)) bag['amount'] = total as ExactValue;
  else if (!isOneProduct) {
    return reject('missing_value', 'an order needs products, or what it is worth (total, revenue or value)');
  }
  const line = productLine(bag, 1, context);
  return line instanceof Reject ? line : [line];
}
