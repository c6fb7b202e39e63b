import { isNegative, parseDecimal } from '../decimal.ts';
import { type ExactValue, isObject, scalarText, stringifyExact } from '../exact-json.ts';
import { fillProperties } from '../formats/events.ts';
import { emptyDraft } from '../formats/format.ts';
import { maxIdLength, Reject, reject } from '../rejects.ts';
import type { LiveLine, ProductMention } from './message.ts';
import { dayOf } from './moments.ts';

export type Bag = { [key: string]: ExactValue };

/** What all lines of a message share. */
export interface LineContext {
  readonly messageId: string;
  readonly eventType: string;
  readonly at: number;
  /** Marks that only we set, of `ownMarks`. */
  readonly marks: Bag;
}

const moneyTypes = new Set(['purchase', 'refund']);
const productTypes = new Set(['view', 'add_to_cart', 'purchase', 'refund']);

export function isMoney(eventType: string): boolean {
  return moneyTypes.has(eventType);
}

/** The first of some keys that holds a text, a number or a boolean, as text; the keys are taken out. Empty where there is none. */
export function takeText(bag: Bag, ...keys: string[]): string {
  let found = '';
  for (const key of keys) {
    const text = scalarText(bag[key]);
    if (text === null) continue;
    if (found === '') found = text.trim();
    delete bag[key];
  }
  return found;
}

/**
 * One line of a Segment message. A product's own fields go to the product; `price` becomes `unit_price`, and where our types
 * mean money it is checked as in a file. The bag is used up.
 */
export function productLine(bag: Bag, line: number, context: LineContext): LiveLine | Reject {
  const { eventType, messageId } = context;
  const speaksOfProduct = productTypes.has(eventType) || /^product_/.test(eventType);
  const externalId =
    scalarText(bag['product_id']) || scalarText(bag['productId']) || scalarText(bag['sku']) || '';
  if (externalId.length > maxIdLength) return reject('value_too_long', 'the product_id is too long');
  if (externalId !== '') for (const key of ['product_id', 'productId']) delete bag[key];
  const keepsNames = !speaksOfProduct || externalId === '';
  const name = keepsNames ? '' : takeText(bag, 'name', 'product_name');
  const category = keepsNames ? '' : takeText(bag, 'category');
  const price = speaksOfProduct ? takePrice(bag) : '';
  const draft = fill(bag, eventType, externalId, context.marks);
  if (draft instanceof Reject) return draft;
  return {
    externalId: `${messageId}/${line}`,
    eventType,
    properties: draft.properties,
    needsPrice: draft.needsPrice,
    product:
      externalId === '' ? null : mention(externalId, name, category, draft.productPrice, price, context.at),
    productId: null,
  };
}

/** Moves a sound `price` to `unit_price`, where the rest of the program looks for it; what is none stays as it is. */
function takePrice(bag: Bag): string {
  const given = bag['unit_price'] ?? bag['price'];
  const price = parseDecimal(scalarText(given) ?? '');
  if (price === null || isNegative(price) || given === undefined) return '';
  if (bag['unit_price'] === undefined) {
    bag['unit_price'] = given;
    delete bag['price'];
  }
  return price;
}

/** A draft with properties in place. Only where money is meant do numbers have to be numbers. */
export function fill(bag: Bag, eventType: string, productId: string, marks: Bag) {
  const draft = emptyDraft();
  draft.eventType = eventType;
  draft.productId = productId;
  for (const mark of ownMarks) delete bag[mark];
  Object.assign(bag, marks);
  if (!isMoney(eventType)) {
    draft.properties = stringifyExact(bag);
    return draft;
  }
  return fillProperties(draft, bag, () => '') ?? draft;
}

const ownMarks = ['anonymous_id', 'clock_ahead', 'public_key'];

/** Of a sale the price counts with its moment, of anything else with its day. */
export function mention(
  externalId: string,
  name: string,
  category: string,
  salePrice: string,
  price: string,
  at: number,
): ProductMention {
  const dayStamp = dayOf(at);
  const priceStamp =
    salePrice === '' ? dayStamp : `${dayStamp} ${new Date(at).toISOString().slice(11, 23)}+00`;
  return { externalId, name, category, price: salePrice || price, priceStamp, dayStamp };
}

export function objectOrEmpty(value: ExactValue | undefined): Bag {
  return isObject(value) ? { ...value } : {};
}
