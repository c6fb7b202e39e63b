import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { AppError } from '../../errors.ts';
import type { LiveIngestion } from '../../ingestion/live/ingestion.ts';
import type { Room } from '../../ingestion/live/intake.ts';
import type { Item, MessageKind, Outcome } from '../../ingestion/live/message.ts';
import type { ReadContext } from '../../ingestion/live/read.ts';
import {
  readEventLine,
  readEvents,
  readSegmentBatch,
  readSegmentMessage,
} from '../../ingestion/live/request.ts';
import type { IngestOutcome, Metrics } from '../../metrics/metrics.ts';
import { AnswerBuilder, answerSingle, IngestAnswer } from './answer.ts';
import { portions, readText, unpacked } from './body.ts';
import { EventBody, SegmentBatch, segmentMessage } from './message-schemas.ts';

declare module 'fastify' {
  interface FastifyRequest {
    ingestRoom?: Room;
  }
}

interface IngestRouteOptions {
  ingestion: LiveIngestion;
  metrics: Metrics;
}

const segmentKinds = ['track', 'identify', 'alias', 'page', 'screen', 'group'] as const;
/** What a page may send, with a key that anybody can read in it. */
const publicKinds: readonly MessageKind[] = ['track', 'page', 'screen'];
const problem = Type.Ref('Problem');
const answers = { 200: IngestAnswer, 400: problem, 409: problem, 413: problem, 503: problem };
const portionLines = 500;
/** Of a long stream only what was not accepted is told, and no more than this; the rejects table has all. */
const mostExceptions = 10_000;

/** Routes through which events come in. They read bodies themselves, before any parser of the rest of the API. */
export async function ingestRoutes(
  app: FastifyInstance,
  { ingestion, metrics }: IngestRouteOptions,
): Promise<void> {
  const { limits, intake } = ingestion;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', async (request: FastifyRequest, payload: IncomingMessage) =>
    isStream(request) ? unpacked(payload) : readText(payload, limits.batchBytes),
  );
  app.setValidatorCompiler(() => () => true);
  app.addHook('onRequest', async (request, reply) => {
    const declared = Number(request.headers['content-length'] ?? Number.NaN);
    const isPlain = request.headers['content-encoding'] === undefined && declared <= limits.batchBytes;
    const room = intake.enter(isPlain && !isStream(request) ? declared : limits.batchBytes);
    request.ingestRoom = room;
    reply.raw.once('close', room.release);
  });
  app.addHook('onClose', () => ingestion.close());
  const door = { ingestion, metrics };
  segmentRoutes(app, door);
  eventRoute(app, door);
}

function segmentRoutes(app: FastifyInstance, door: IngestRouteOptions): void {
  for (const kind of segmentKinds) {
    app.post(
      `/v1/${kind}`,
      {
        config: { scope: publicKinds.includes(kind) ? 'public' : 'write' },
        schema: {
          tags: ['events'],
          summary: `One ${kind} message in Segment's form`,
          body: segmentMessage(kind),
          response: answers,
        },
      },
      async (request) => {
        const context = await contextOf(request, door);
        return submitOne(
          request,
          door,
          readSegmentMessage(textOf(request), kind satisfies MessageKind, context),
        );
      },
    );
  }
  app.post(
    '/v1/batch',
    {
      config: { scope: 'public' },
      schema: {
        tags: ['events'],
        summary: "Messages in Segment's form",
        body: SegmentBatch,
        response: answers,
      },
    },
    async (request) => {
      const context = await contextOf(request, door);
      return submitMany(request, door, readSegmentBatch(textOf(request), context, door.ingestion.limits));
    },
  );
}

function eventRoute(app: FastifyInstance, door: IngestRouteOptions): void {
  app.post(
    '/api/events',
    {
      config: { scope: 'write' },
      schema: {
        tags: ['events'],
        summary: 'Events in our own form: one, a list, or NDJSON of any length (application/x-ndjson)',
        body: EventBody,
        response: answers,
      },
    },
    async (request) => {
      if (isStream(request)) return submitStream(request, door);
      const text = textOf(request);
      const items = readEvents(text, await contextOf(request, door), door.ingestion.limits);
      return text.trimStart().startsWith('[')
        ? submitMany(request, door, items)
        : submitOne(request, door, items[0] as Item);
    },
  );
}

function isStream(request: FastifyRequest): boolean {
  return /^application\/(x-ndjson|ndjson|jsonl|x-jsonlines)\b/i.test(request.headers['content-type'] ?? '');
}

/** Events are of their key's source. */
function contextOf({ principal }: FastifyRequest, { ingestion }: IngestRouteOptions): Promise<ReadContext> {
  return ingestion.context(principal?.source ?? 'api', principal?.scope === 'public');
}

function textOf(request: FastifyRequest): string {
  if (typeof request.body === 'string') return request.body;
  throw new AppError('VALIDATION', 'the request has no body');
}

/** The room stays taken until the events are written, also where the client has hung up. */
async function submit(
  request: FastifyRequest,
  { ingestion, metrics }: IngestRouteOptions,
  items: readonly Item[],
): Promise<Outcome[]> {
  const room = request.ingestRoom as Room;
  room.hold();
  try {
    const outcomes = await ingestion.submit(items);
    count(metrics, outcomes);
    return outcomes;
  } finally {
    room.release();
  }
}

function count(metrics: Metrics, outcomes: readonly Outcome[]): void {
  const counts = new Map<IngestOutcome, number>();
  for (const outcome of outcomes) {
    const isConflict = outcome.status === 'rejected' && outcome.code === 'conflict';
    const name = isConflict ? 'conflict' : outcome.status;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  for (const [name, messages] of counts) metrics.countIngested(name, messages);
}

async function submitOne(request: FastifyRequest, door: IngestRouteOptions, item: Item) {
  const [outcome] = await submit(request, door, [item]);
  return answerSingle(outcome as Outcome, item.isPublic);
}

async function submitMany(request: FastifyRequest, door: IngestRouteOptions, items: readonly Item[]) {
  return new AnswerBuilder().add(await submit(request, door, items)).build();
}

/**
 * Portion by portion: the next is read when the last is committed, so that a stream of any length takes the memory of one.
 * @throws what ended the stream early, with the number of lines that are kept
 */
async function submitStream(request: FastifyRequest, door: IngestRouteOptions) {
  const { batchEvents, batchBytes, eventBytes } = door.ingestion.limits;
  const all = new AnswerBuilder(batchEvents);
  const exceptions = new AnswerBuilder(mostExceptions, true);
  const stream = request.body as IncomingMessage;
  const bytes = Math.max(eventBytes * 2, batchBytes / 2);
  let answered = 0;
  try {
    for await (const { first, lines } of portions(stream, portionLines, bytes)) {
      const context = await contextOf(request, door);
      const items = lines.map((line) => readEventLine(line, context));
      const outcomes = await submit(request, door, items);
      all.add(outcomes, first);
      exceptions.add(outcomes, first);
      answered += lines.length;
    }
  } catch (error) {
    throw brokenStream(error, answered);
  }
  return (all.isCut ? exceptions : all).build();
}

function brokenStream(error: unknown, answered: number): AppError {
  const known = error instanceof AppError ? error : null;
  const why = known?.message ?? 'the body is damaged, or ended early';
  return new AppError(known?.code ?? 'VALIDATION', `${why}; the first ${answered} lines were taken`, {
    details: { ...known?.details, linesTaken: answered },
    hint: 'Send the whole stream again: what was taken is known by its event_id, and is a duplicate then.',
    cause: error,
  });
}
