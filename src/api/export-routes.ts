import { once } from 'node:events';
import { Readable } from 'node:stream';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { exportUsers } from '../analytics/export-users.ts';
import type { FoundUser } from '../analytics/find-users.ts';
import { toUserFilters } from '../analytics/user-list.ts';
import { AppError } from '../errors.ts';
import { csvLine } from './csv.ts';
import type { RouteOptions } from './routes.ts';
import { oneOf, problems, strict } from './schemas.ts';
import { userFilterFields } from './user-filters.ts';

/** Each holds one of ten connections for as long as its reader takes. */
const MAX_EXPORTS = 2;
/**
 * A reader who takes a little now and then would keep the view of the database open for ever, and vacuum from cleaning up behind it. In this time
 * 300 MB (a million customers) go through a line of 3 Mbit/s.
 */
const LONGEST_EXPORT_MS = 15 * 60_000;

const columns = [
  'user_id',
  'telegram_id',
  'username',
  'first_name',
  'last_name',
  'registration_date',
  'segment_code',
  'ltv',
  'churn_probability',
  'purchase_probability_30d',
  'last_updated',
] as const satisfies (keyof FoundUser)[];

const formats = {
  csv: {
    type: 'text/csv; charset=utf-8; header=present',
    head: csvLine(columns),
    line: (user: FoundUser) => csvLine(columns.map((column) => user[column])),
  },
  ndjson: {
    type: 'application/x-ndjson',
    head: '',
    line: (user: FoundUser) =>
      `${JSON.stringify(Object.fromEntries(columns.map((column) => [column, user[column]])))}\n`,
  },
};

async function* render(
  pages: AsyncIterable<FoundUser[]>,
  { head, line }: (typeof formats)['csv'],
): AsyncGenerator<string> {
  // The head comes with the first page: what fails before it can still be an answer of its own.
  let start = head;
  for await (const page of pages) {
    yield start + page.map(line).join('');
    start = '';
  }
  if (start) yield start;
}

interface ExportOptions extends RouteOptions {
  longestExportMs?: number;
}

export const exportRoutes: FastifyPluginAsyncTypebox<ExportOptions> = async (
  app,
  { appPool, longestExportMs = LONGEST_EXPORT_MS },
) => {
  let running = 0;
  app.get(
    '/api/export/users',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['customers'],
        summary: 'All customers that fit, as one stream, as of one moment',
        description:
          'CSV by RFC 4180. A text that a spreadsheet would take for a formula (it begins with = + - @, a tab or a carriage return) gets an apostrophe before it. NDJSON has every text as it is. An answer that breaks off without its last chunk is incomplete; so ends one that takes longer than 15 minutes to read.',
        querystring: Type.Object(
          { ...userFilterFields, format: Type.Optional(oneOf(['csv', 'ndjson'], { default: 'csv' })) },
          strict,
        ),
        response: {
          200: {
            description: 'One line a customer',
            content: Object.fromEntries(
              Object.values(formats).map(({ type }) => [type.split(';')[0], { schema: { type: 'string' } }]),
            ),
          },
          ...problems,
        },
      },
    },
    async ({ query }, reply) => {
      const { format = 'csv', ...written } = query;
      const filters = toUserFilters(written);
      if (running >= MAX_EXPORTS) {
        throw new AppError('BUSY', `${MAX_EXPORTS} exports are running`, { hint: 'Try again in a moment.' });
      }
      running++;
      const pages = exportUsers(appPool, filters);
      const stream = Readable.from(render(pages, formats[format]));
      // Answering has begun: all that is left to say is that the last chunk does not come.
      const end = setTimeout(() => stream.destroy(new Error('the reader took too long')), longestExportMs);
      stream.once('close', () => {
        clearTimeout(end);
        running--;
      });
      await once(stream, 'readable');
      return reply
        .type(formats[format].type)
        .header('cache-control', 'no-store')
        .header('content-disposition', `attachment; filename="customers.${format}"`)
        .send(stream);
    },
  );
};
