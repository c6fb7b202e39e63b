import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Pool } from '../../database/pool.ts';
import {
  getDeadLetter,
  listDeadLetters,
  replayDeadLetters,
  type StoredReject,
} from '../../ingestion/live/dead-letters/dead-letters.ts';
import type { LiveIngestion } from '../../ingestion/live/ingestion.ts';
import { Limit } from '../schemas.ts';

interface RejectRouteOptions {
  appPool: Pool;
  ingestion: LiveIngestion;
}

const RejectId = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const Code = Type.String({ maxLength: 40, pattern: '^[a-z_]+$', description: 'Only rejects with this code' });
const problem = Type.Ref('Problem');
const problems = { 400: problem, 404: problem, 503: problem };

const Reject = Type.Object({
  reject_id: RejectId,
  source: Type.String(),
  kind: Type.String(),
  code: Type.String(),
  reason: Type.String(),
  received_at: Type.String({ format: 'date-time' }),
  attempts: Type.Integer(),
  body: Type.String({ description: 'The message as JSON; cut where is_whole is false' }),
  is_whole: Type.Boolean(),
});
const RejectPage = Type.Object({
  items: Type.Array(Reject),
  next_after: Type.Union([RejectId, Type.Null()]),
});
const Replay = Type.Object({
  replayed: Type.Integer(),
  accepted: Type.Integer(),
  duplicates: Type.Integer(),
  rejected: Type.Integer({ description: 'Refused again: they stay' }),
});

function rejectJson({
  rejectId,
  source,
  kind,
  code,
  reason,
  receivedAt,
  attempts,
  body,
  isWhole,
}: StoredReject) {
  const received_at = receivedAt.toISOString();
  return { reject_id: rejectId, source, kind, code, reason, received_at, attempts, body, is_whole: isWhole };
}

export const rejectRoutes: FastifyPluginAsyncTypebox<RejectRouteOptions> = async (
  app,
  { appPool, ingestion },
) => {
  app.get(
    '/api/rejects',
    {
      config: { scope: 'admin' },
      schema: {
        tags: ['events'],
        summary: 'Messages that were refused, in the order of arrival',
        querystring: Type.Object(
          {
            limit: Type.Optional({ ...Limit, default: 50 }),
            after: Type.Optional(RejectId),
            code: Type.Optional(Code),
          },
          { additionalProperties: false },
        ),
        response: { 200: RejectPage, ...problems },
      },
    },
    async ({ query: { limit = 50, after, code } }) => {
      const rows = await listDeadLetters(appPool, { after, code }, limit + 1);
      const items = rows.slice(0, limit).map(rejectJson);
      return { items, next_after: rows.length > limit ? (items.at(-1)?.reject_id ?? null) : null };
    },
  );

  app.get(
    '/api/rejects/:id',
    {
      config: { scope: 'admin' },
      schema: {
        tags: ['events'],
        summary: 'One message that was refused, with its reason and contents',
        params: Type.Object({ id: RejectId }),
        response: { 200: Reject, ...problems },
      },
    },
    async ({ params }) => rejectJson(await getDeadLetter(appPool, params.id)),
  );

  app.post(
    '/api/rejects/replay',
    {
      config: { scope: 'admin' },
      schema: {
        tags: ['events'],
        summary: 'Take refused messages in again: one, those with a code, or all',
        body: Type.Object(
          { id: Type.Optional(RejectId), code: Type.Optional(Code) },
          { additionalProperties: false },
        ),
        response: { 200: Replay, ...problems },
      },
    },
    async ({ body }) => replayDeadLetters(appPool, ingestion, body),
  );
};
