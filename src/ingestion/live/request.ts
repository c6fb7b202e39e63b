import { AppError } from '../../errors.ts';
import { type ExactValue, isObject, parseExact } from '../exact-json.ts';
import type { LiveLimits } from './limits.ts';
import type { Item, MessageKind } from './message.ts';
import { envelopeSentAt, type ReadContext, readItem } from './read.ts';

function parse(text: string): { value: ExactValue; checked: boolean } {
  try {
    return parseExact(text);
  } catch (error) {
    throw new AppError('VALIDATION', `the body is no JSON: ${(error as Error).message.slice(0, 200)}`, {
      hint: 'Nothing of this request was taken.',
    });
  }
}

/** One message of Segment's: the route says its kind. */
export function readSegmentMessage(text: string, kind: MessageKind, context: ReadContext): Item {
  const { value, checked } = parse(text);
  return readItem(value, kind, checked, context);
}

/** Segment's batch: `{"batch": [...], "sentAt": ...}`. @throws VALIDATION, INGEST_TOO_LARGE */
export function readSegmentBatch(text: string, context: ReadContext, limits: LiveLimits): Item[] {
  const { value, checked } = parse(text);
  const batch = isObject(value) ? value['batch'] : undefined;
  if (!Array.isArray(batch)) throw new AppError('VALIDATION', 'the body has no list "batch"');
  checkCount(batch.length, limits);
  const inBatch = { ...context, sentAt: envelopeSentAt(value, context.timeZone) };
  return batch.map((message) => readItem(message, null, checked, inBatch));
}

/** Our own form: one event or a list of them. @throws VALIDATION, INGEST_TOO_LARGE */
export function readEvents(text: string, context: ReadContext, limits: LiveLimits): Item[] {
  const { value, checked } = parse(text);
  const events = Array.isArray(value) ? value : [value];
  checkCount(events.length, limits);
  return events.map((event) => readItem(event, 'event', checked, context));
}

/** One line of an NDJSON stream; a line that is no JSON is a refused event, and the stream goes on. */
export function readEventLine(line: string, context: ReadContext): Item {
  try {
    const { value, checked } = parseExact(line);
    return readItem(value, 'event', checked, context);
  } catch {
    return readItem(line.slice(0, context.eventBytes), 'event', false, context);
  }
}

function checkCount(count: number, { batchEvents }: LiveLimits): void {
  if (count <= batchEvents) return;
  throw new AppError('INGEST_TOO_LARGE', `the request has ${count} events, the limit is ${batchEvents}`, {
    hint: 'Send it in parts, or as an NDJSON stream to /api/events. Nothing of this request was taken.',
  });
}
