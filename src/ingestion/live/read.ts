import { createHash, randomUUID } from 'node:crypto';
import {
  canonicalText,
  type ExactValue,
  isObject,
  scalarText,
  stringifyExact,
  unstorable,
} from '../exact-json.ts';
import { excerpt, maxIdLength, type Reject, reject } from '../rejects.ts';
import { type Item, type LiveMessage, type MessageKind, messageKinds } from './message.ts';
import { readEvent } from './read-event.ts';
import { momentIn, readSegment } from './read-segment.ts';
import { readVisitor } from './visitor.ts';

export interface ReadContext {
  readonly source: string;
  /** Whoever sends is a visitor: see visitor.ts. */
  readonly isPublic: boolean;
  /** ISO 4217, of the shop. */
  readonly currency: string;
  /** Of the shop: moments without an offset are of it. */
  readonly timeZone: string;
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
  /** What the envelope says; a message's own `sentAt` stands above it. */
  readonly sentAt: number | null;
  readonly eventBytes: number;
}

/** Set anew by each attempt to send, or by what stands between sender and us: no part of what is said. */
const transportFields = new Set([
  'sentAt',
  'receivedAt',
  'writeKey',
  '_metadata',
  'request_ip',
  'channel',
  'integrations',
  'version',
]);
const noTransport = new Set<string>();

/** Reads one message of a request. `checked` says that its texts are known to be storable. */
export function readItem(
  body: ExactValue,
  kind: MessageKind | null,
  checked: boolean,
  context: ReadContext,
): Item {
  const { source, isPublic, receivedAt, sentAt } = context;
  const found = kind ?? kindOf(body);
  const base = { source, isPublic, kind: found ?? 'track', receivedAt, sentAt, body } as const;
  const wrong = (why: Reject, hash = hashOf(bodyText(body))): Item => ({
    ...base,
    hash,
    messageId: null,
    read: why,
  });
  if (!isObject(body)) return wrong(reject('json', 'a message is a JSON object'));
  if (found === null)
    return wrong(
      reject(
        'event_type',
        `type ${excerpt(scalarText(body['type']) ?? '')} is none of ${messageKinds.slice(0, 6).join(', ')}`,
      ),
    );
  let canonical: string;
  try {
    canonical = canonicalText(body, found === 'event' ? noTransport : transportFields);
  } catch (error) {
    return wrong(reject('json', (error as Error).message));
  }
  const hash = hashOf(`${found}${canonical}`);
  const bytes = Buffer.byteLength(canonical);
  if (bytes > context.eventBytes) {
    return wrong(
      reject('too_large', `the event has ${bytes} bytes, the limit is ${context.eventBytes}`),
      hash,
    );
  }
  const unsound = checked ? null : unstorable(body);
  if (unsound !== null) return wrong(reject('json', unsound), hash);
  const messageId = readMessageId(found, body, hash);
  if (typeof messageId !== 'string') return wrong(messageId, hash);
  return { ...base, hash, messageId, read: readKind(found, body, messageId, context) };
}

function readKind(
  kind: MessageKind,
  body: { [key: string]: ExactValue },
  messageId: string,
  context: ReadContext,
): LiveMessage | Reject {
  if (context.isPublic) return readVisitor(kind, body, messageId, context);
  return kind === 'event' ? readEvent(body, messageId, context) : readSegment(kind, body, messageId, context);
}

function kindOf(body: ExactValue): MessageKind | null {
  const type = isObject(body) ? scalarText(body['type']) : null;
  const kind = messageKinds.find((each) => each === type?.toLowerCase());
  return kind === undefined || kind === 'event' ? null : kind;
}

/**
 * Without an id of its own a message is known by what it says. Where it does not even say when, two alike may be two events, so each
 * counts: who wants to send again must give an id or a moment.
 */
function readMessageId(
  kind: MessageKind,
  body: { [key: string]: ExactValue },
  hash: string,
): string | Reject {
  const key = kind === 'event' ? 'event_id' : 'messageId';
  const text = scalarText(body[key]);
  if (text === null || typeof body[key] === 'boolean') return reject('json', `${key} is no text`);
  const id = text.trim();
  if (id.length > maxIdLength)
    return reject('value_too_long', `${key} is longer than ${maxIdLength} characters`);
  if (id !== '') return id;
  const moment = body['event_timestamp'] ?? body['timestamp'] ?? body['originalTimestamp'];
  return moment === undefined || moment === null ? `new-${randomUUID()}` : `content-${hash}`;
}

export function envelopeSentAt(envelope: ExactValue, timeZone: string): number | null {
  return isObject(envelope) ? momentIn(envelope['sentAt'], timeZone) : null;
}

/** A message as JSON, with what its envelope says of clocks. What is nested so deep that it cannot be written is not kept. */
export function bodyText(body: ExactValue, sentAt: number | null = null): string {
  const addsSentAt = sentAt !== null && isObject(body) && body['sentAt'] === undefined;
  try {
    return stringifyExact(addsSentAt ? { ...body, sentAt: new Date(sentAt).toISOString() } : body);
  } catch {
    return '';
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
