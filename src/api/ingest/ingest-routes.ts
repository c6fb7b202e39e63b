import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { AppError } from '../../errors.ts';
import type { LiveIngestion } from '../../ingestion/live/ingestion.ts';
import type { Room } from '../../ingestion/live/intake.ts';
import type { Item, MessageKind, Outcome } from '../../ingestion/live/message.ts';
import {
  readEventLine,
  readEvents,
  readSegmentBatch,
  readSegmentMessage,
} from '../../ingestion/live/request.ts';
import { AnswerBuilder, answerSingle, IngestAnswer } from './answer.ts';
import { portions, readText, unpacked } from './body.ts';

declare module 'fastify' {
  interface FastifyRequest {
    ingestRoom?: Room;
  }
}

interface IngestRouteOptions {
  ingestion: LiveIngestion;
}

const segmentKinds = ['track', 'identify', 'alias', 'page', 'screen', 'group'] as const;
const problem = Type.Ref('Problem');
const answers = { 200: IngestAnswer, 400: problem, 409: problem, 413: problem, 503: problem };
/** Bodies are read by the feature, which says of each item what is wrong; the schema is there to be read. */
const anyObject = Type.Object({}, { additionalProperties: true });
const portionLines = 500;
/** Of a long stream only what was not accepted is told, and no more than this; the rejects table has all. */
const mostExceptions = 10_000;

/** Routes through which events come in. They read bodies themselves, before any parser of the rest of the API. */
export async function ingestRoutes(app: FastifyInstance, { ingestion }: IngestRouteOptions): Promise<void> {
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
  segmentRoutes(app, ingestion);
  eventRoute(app, ingestion);
}

function segmentRoutes(app: FastifyInstance, ingestion: LiveIngestion): void {
  for (const kind of segmentKinds) {
    app.post(
      `/v1/${kind}`,
      {
        config: { scope: 'public' },
        schema: {
          tags: ['events'],
          summary: `One ${kind} message in Segment's form`,
          body: anyObject,
          response: answers,
        },
      },
      async (request) => {
        const context = await ingestion.context(sourceOf(request));
        return submitOne(
          request,
          ingestion,
          readSegmentMessage(textOf(request), kind satisfies MessageKind, context),
        );
      },
    );
  }
  app.post(
    '/v1/batch',
    {
      config: { scope: 'public' },
      schema: { tags: ['events'], summary: "Messages in Segment's form", body: anyObject, response: answers },
    },
    async (request) => {
      const context = await ingestion.context(sourceOf(request));
      return submitMany(request, ingestion, readSegmentBatch(textOf(request), context, ingestion.limits));
    },
  );
}

function eventRoute(app: FastifyInstance, ingestion: LiveIngestion): void {
  app.post(
    '/api/events',
    {
      config: { scope: 'write' },
      schema: {
        tags: ['events'],
        summary: 'Events in our own form: one, a list, or NDJSON of any length (application/x-ndjson)',
        body: anyObject,
        response: answers,
      },
    },
    async (request) => {
      if (isStream(request)) return submitStream(request, ingestion);
      const text = textOf(request);
      const items = readEvents(text, await ingestion.context(sourceOf(request)), ingestion.limits);
      return text.trimStart().startsWith('[')
        ? submitMany(request, ingestion, items)
        : submitOne(request, ingestion, items[0] as Item);
    },
  );
}

function isStream(request: FastifyRequest): boolean {
  return /^application\/(x-ndjson|ndjson|jsonl|x-jsonlines)\b/i.test(request.headers['content-type'] ?? '');
}

function sourceOf(request: FastifyRequest): string {
  return request.principal?.source ?? 'api';
}

function textOf(request: FastifyRequest): string {
  if (typeof request.body === 'string') return request.body;
  throw new AppError('VALIDATION', 'the request has no body');
}

/** The room stays taken until the events are written, also where the client has hung up. */
async function submit(
  request: FastifyRequest,
  ingestion: LiveIngestion,
  items: readonly Item[],
): Promise<Outcome[]> {
  const room = request.ingestRoom as Room;
  room.hold();
  try {
    return await ingestion.submit(items);
  } finally {
    room.release();
  }
}

async function submitOne(request: FastifyRequest, ingestion: LiveIngestion, item: Item) {
  const [outcome] = await submit(request, ingestion, [item]);
  return answerSingle(outcome as Outcome);
}

async function submitMany(request: FastifyRequest, ingestion: LiveIngestion, items: readonly Item[]) {
  return new AnswerBuilder().add(await submit(request, ingestion, items)).build();
}

/** Portion by portion: the next is read when the last is committed, so that a stream of any length takes the memory of one. */
async function submitStream(request: FastifyRequest, ingestion: LiveIngestion) {
  const { batchEvents, batchBytes, eventBytes } = ingestion.limits;
  const all = new AnswerBuilder(batchEvents);
  const exceptions = new AnswerBuilder(mostExceptions, true);
  const source = sourceOf(request);
  const stream = request.body as IncomingMessage;
  for await (const { first, lines } of portions(
    stream,
    portionLines,
    Math.max(eventBytes * 2, batchBytes / 2),
  )) {
    const context = await ingestion.context(source);
    const outcomes = await submit(
      request,
      ingestion,
      lines.map((line) => readEventLine(line, context)),
    );
    all.add(outcomes, first);
    exceptions.add(outcomes, first);
  }
  return (all.isCut ? exceptions : all).build();
}
