import { hash as digest, randomUUID } from 'node:crypto';
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
  readonly publicSales: boolean;
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
  const found = kind ?? kindOf(body);
  if (!isObject(body)) return wrong(body, found, context, reject('json', 'a message is a JSON object'));
  if (found === null) return wrong(body, found, context, unknownKind(body));
  let canonical: string;
  try {
    canonical = canonicalText(body, found === 'event' ? noTransport : transportFields);
  } catch (error) {
    return wrong(body, found, context, reject('json', (error as Error).message));
  }
  const hash = hashOf(found + canonical);
  const unsound = tooLarge(canonical, context.eventBytes) ?? (checked ? null : unstorableIn(body));
  if (unsound !== null) return wrong(body, found, context, unsound, hash);
  const messageId = readMessageId(found, body, hash);
  if (typeof messageId !== 'string') return wrong(body, found, context, messageId, hash);
  return itemOf(body, found, context, hash, messageId, readKind(found, body, messageId, context));
}

function wrong(
  body: ExactValue,
  kind: MessageKind | null,
  context: ReadContext,
  why: Reject,
  hash = hashOf(bodyText(body)),
): Item {
  return itemOf(body, kind ?? 'track', context, hash, null, why);
}

/** Field by field, here and below: spreading an object into another cost more than parsing the message. */
function itemOf(
  body: ExactValue,
  kind: MessageKind,
  { source, isPublic, receivedAt, sentAt }: ReadContext,
  hash: string,
  messageId: string | null,
  read: LiveMessage | Reject,
): Item {
  return { source, isPublic, kind, receivedAt, sentAt, body, hash, messageId, read };
}

function unknownKind(body: { [key: string]: ExactValue }): Reject {
  const kind = excerpt(scalarText(body['type']) ?? '');
  return reject('event_type', `type ${kind} is none of ${messageKinds.slice(0, 6).join(', ')}`);
}

function tooLarge(canonical: string, limit: number): Reject | null {
  // No letter takes more than three bytes: most messages need not be counted.
  if (canonical.length * 3 <= limit) return null;
  const bytes = Buffer.byteLength(canonical);
  return bytes > limit ? reject('too_large', `the event has ${bytes} bytes, the limit is ${limit}`) : null;
}

function unstorableIn(body: ExactValue): Reject | null {
  const why = unstorable(body);
  return why === null ? null : reject('json', why);
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
  return digest('sha256', text, 'hex').slice(0, 32);
}
