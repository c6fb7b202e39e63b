import { type ExactValue, isObject, scalarText, stringifyExact } from '../exact-json.ts';
import { otherCurrency } from '../formats/events.ts';
import { excerpt, maxIdLength, Reject, reject } from '../rejects.ts';
import { eventTypeOf } from './event-names.ts';
import type { LiveLine, LiveMessage, MessageKind } from './message.ts';
import { corrected, isFarAhead, momentOf } from './moments.ts';
import { orderLines } from './order-lines.ts';
import { type Bag, isMoney, objectOrEmpty, productLine, takeText } from './properties.ts';
import type { ReadContext } from './read.ts';

/** Says so, and no customer: a program that wrote its lack of an id as text. All of these would be one customer. */
const noIds = new Set(['null', 'undefined', 'none', 'nan', 'nil', '[object object]', 'anonymous', 'guest']);
const maxTraitKeyLength = 200;

interface Ids {
  userId: string;
  anonymousId: string;
}

/** Reads a message in the form of Segment's HTTP API: https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/ */
export function readSegment(
  kind: MessageKind,
  body: Bag,
  messageId: string,
  context: ReadContext,
): LiveMessage | Reject {
  const ids = readIds(kind, body);
  if (ids instanceof Reject) return ids;
  const at = readMoment(body, context);
  if (at instanceof Reject) return at;
  const traits = kind === 'identify' ? readTraits(body) : null;
  if (traits instanceof Reject) return traits;
  const ahead = isFarAhead(at, context.receivedAt);
  const marks: Bag = {};
  if (ids.userId === '') marks['anonymous_id'] = ids.anonymousId;
  if (ahead) marks['clock_ahead'] = true;
  const lines = readLines(kind, body, { messageId, at, marks }, context);
  if (lines instanceof Reject) return lines;
  const { userId, anonymousId } = ids;
  return {
    id: messageId,
    at,
    userId,
    anonymousId,
    ownUserId: null,
    links: (kind === 'identify' || kind === 'alias') && userId !== '' && anonymousId !== '',
    traits,
    lines,
    flags: ahead ? ['clock_ahead'] : [],
  };
}

/** `previousId` of an alias is an anonymous id: two customers who are both known stay two. */
function readIds(kind: MessageKind, body: Bag): Ids | Reject {
  const userId = idOf(body, 'userId');
  const anonymousId = idOf(body, kind === 'alias' ? 'previousId' : 'anonymousId');
  if (userId instanceof Reject) return userId;
  if (anonymousId instanceof Reject) return anonymousId;
  if (kind === 'alias' && (userId === '' || anonymousId === ''))
    return reject('missing_value', 'an alias needs userId and previousId');
  if (userId === '' && anonymousId === '')
    return reject('missing_value', 'there is neither userId nor anonymousId');
  return { userId, anonymousId };
}

function idOf(body: Bag, key: string): string | Reject {
  const text = scalarText(body[key]);
  if (text === null || typeof body[key] === 'boolean') return reject('missing_value', `${key} is no text`);
  const id = text.trim();
  if (id.length > maxIdLength)
    return reject('value_too_long', `${key} is longer than ${maxIdLength} characters`);
  if (noIds.has(id.toLowerCase())) return reject('missing_value', `${key} ${excerpt(id)} names nobody`);
  return id;
}

function readMoment(body: Bag, { receivedAt, sentAt, timeZone }: ReadContext): number | Reject {
  const written = body['timestamp'] ?? body['originalTimestamp'];
  if (written === undefined || written === null) return receivedAt;
  const at = typeof written === 'string' ? momentOf(written, timeZone) : null;
  if (at === null)
    return reject('timestamp', `timestamp ${excerpt(scalarText(written) ?? 'list')} is no moment`);
  return corrected(at, momentIn(body['sentAt'], timeZone) ?? sentAt, receivedAt);
}

export function momentIn(value: ExactValue | undefined, timeZone: string): number | null {
  return typeof value === 'string' ? momentOf(value, timeZone) : null;
}

function readTraits(body: Bag): string | null | Reject {
  const traits = body['traits'] ?? objectOrEmpty(body['context'])['traits'];
  if (traits === undefined || traits === null) return null;
  if (!isObject(traits)) return reject('json', 'traits is no object');
  const long = Object.keys(traits).find((key) => key.length > maxTraitKeyLength);
  if (long !== undefined)
    return reject('value_too_long', `the name of a trait, ${excerpt(long)}, is too long`);
  return stringifyExact(traits);
}

function readLines(
  kind: MessageKind,
  body: Bag,
  message: { messageId: string; at: number; marks: Bag },
  { currency }: ReadContext,
): LiveLine[] | Reject {
  if (kind === 'identify' || kind === 'alias') return [];
  const eventType = kind === 'track' ? trackType(body) : kind;
  if (eventType instanceof Reject) return eventType;
  const bag =
    kind === 'group'
      ? { group_id: body['groupId'] ?? null, traits: body['traits'] ?? {} }
      : pageBag(kind, body);
  if (bag instanceof Reject) return bag;
  const campaign = objectOrEmpty(body['context'])['campaign'];
  if (isObject(campaign) && bag['campaign'] === undefined) bag['campaign'] = campaign;
  const { messageId, at, marks } = message;
  const context = { messageId, at, marks, eventType };
  if (!isMoney(eventType)) {
    const line = productLine(bag, 1, context);
    return line instanceof Reject ? line : [line];
  }
  const found = takeText(bag, 'currency').toUpperCase();
  if (found !== '' && found !== currency) return otherCurrency(found, currency);
  return orderLines(bag, context);
}

function trackType(body: Bag): string | Reject {
  const name = body['event'];
  if (typeof name !== 'string' || name.trim() === '')
    return reject('missing_value', 'a track needs the name of its event');
  return eventTypeOf(name) || reject('event_type', `event ${excerpt(name)} has neither letter nor digit`);
}

/** Segment's page and screen have `name` and `category` beside their properties. */
function pageBag(kind: MessageKind, body: Bag): Bag | Reject {
  const properties = body['properties'] ?? {};
  if (!isObject(properties)) return reject('json', 'properties is no object');
  const bag: Bag = { ...properties };
  if (kind === 'track') return bag;
  for (const key of ['name', 'category']) {
    const value = body[key];
    if (value !== undefined && value !== null) bag[key] = value;
  }
  return bag;
}
