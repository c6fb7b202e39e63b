/**
 * Segment's e-commerce events that mean one of our own types. Every other name is kept under itself in snake case, so that nothing
 * is dropped: `Checkout Started` is `checkout_started`, `Product Clicked` is `product_clicked`, with its product.
 * @see https://segment.com/docs/connections/spec/ecommerce/v2/
 */
const ownTypes: ReadonlyMap<string, string> = new Map([
  ['product_viewed', 'view'],
  ['product_added', 'add_to_cart'],
  ['order_completed', 'purchase'],
  ['order_refunded', 'refund'],
  ['order_cancelled', 'refund'],
]);

const longest = 64;

/** A shop has few names of events; a sender who invents them without end must not fill the memory. */
const remembered = new Map<string, string>();
const mostRemembered = 1_000;

/** The event type of a name; empty where the name has neither letter nor digit. */
export function eventTypeOf(name: string): string {
  const known = remembered.get(name);
  if (known !== undefined) return known;
  const type = snakeCase(name);
  if (remembered.size < mostRemembered && name.length <= longest) remembered.set(name, type);
  return type;
}

function snakeCase(name: string): string {
  const snake = name
    .replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1_$2')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_+|_+$/g, '');
  return ownTypes.get(snake) ?? [...snake].slice(0, longest).join('');
}
