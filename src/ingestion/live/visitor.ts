import { Reject, reject } from '../rejects.ts';
import type { LiveLine, LiveMessage, MessageKind } from './message.ts';
import type { Bag } from './properties.ts';
import type { ReadContext } from './read.ts';
import { readSegment } from './read-segment.ts';

const permitted: readonly MessageKind[] = ['track', 'page', 'screen'];

/**
 * Reads what came with a public key, which anybody can take from a page's source: it says what a visitor did, and nothing else is believed. Who
 * the visitor is, what was sold and what a product is called come from the shop's server (docs/adr/0014-live-events.md).
 */
export function readVisitor(
  kind: MessageKind,
  body: Bag,
  messageId: string,
  context: ReadContext,
): LiveMessage | Reject {
  if (!permitted.includes(kind))
    return reject(
      'not_permitted',
      `${kind} needs a write key; a public key may send ${permitted.join(', ')}`,
    );
  const { userId, anonymousId, ...said } = body;
  // In a namespace of their own: a guessed id must not make the server's own message a duplicate.
  const read = readSegment(
    kind,
    { ...said, anonymousId: anonymousId || userId || null },
    `public:${messageId}`,
    context,
  );
  if (read instanceof Reject) return read;
  if (read.lines.some(({ eventType }) => !isPermitted(eventType, context)))
    return reject('not_permitted', 'sales and refunds need a write key: send them from your server');
  return { ...read, lines: read.lines.map(doubted) };
}

/** A shop without a server of its own may take sales from its pages, knowing that anybody can invent them. No page takes one back. */
function isPermitted(eventType: string, { publicSales }: ReadContext): boolean {
  return eventType !== 'refund' && (eventType !== 'purchase' || publicSales);
}

function doubted(line: LiveLine): LiveLine {
  const { eventType, properties } = line;
  const product = line.product && { ...line.product, name: '', category: '', price: '' };
  if (eventType !== 'purchase') return { ...line, product };
  return { ...line, product, properties: `{"public_key":true,${properties.slice(1)}` };
}
