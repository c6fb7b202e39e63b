import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { type TSchema, Type } from 'typebox';
import { parseJobName } from '../jobs/catalogue.ts';
import { requestRun, reviveDeadLetter, setSchedule } from '../jobs/manage.ts';
import { listDeadLetters, listJobs, listRuns, workerAgeSeconds } from '../jobs/read.ts';
import type { RouteOptions } from './routes.ts';

const problems = {
  400: Type.Ref('Problem'),
  404: Type.Ref('Problem'),
  409: Type.Ref('Problem'),
  503: Type.Ref('Problem'),
};
const strict = { additionalProperties: false };
const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
const moment = Type.String({ format: 'date-time' });
const text = nullable(Type.String());

const Run = Type.Object({
  run_id: Type.Integer({ minimum: 1 }),
  job: Type.String(),
  attempt: Type.Integer({ minimum: 1 }),
  cause: Type.Unsafe<string>({ type: 'string', enum: ['schedule', 'catch_up', 'request'] }),
  due_at: nullable(moment),
  state: Type.Unsafe<string>({
    type: 'string',
    enum: ['running', 'succeeded', 'failed', 'skipped', 'interrupted', 'handed_back'],
  }),
  started_at: moment,
  finished_at: nullable(moment),
  duration_seconds: Type.Number(),
  worker: text,
  progress: nullable(Type.Object({ label: Type.String(), done: Type.Number(), total: Type.Number() })),
  error_code: text,
  message: text,
  result: Type.Optional(Type.Unknown({ description: 'What the command of the job answered' })),
});
const Missed = Type.Unsafe<'run_once' | 'skip'>({
  type: 'string',
  enum: ['run_once', 'skip'],
  description: 'What becomes of runs that fell due while no worker ran',
});
const Jobs = Type.Object({
  items: Type.Array(
    Type.Object({
      job: Type.String(),
      description: Type.String(),
      cron: Type.String(),
      time_zone: nullable(Type.String({ description: "null is the shop's" })),
      missed: Missed,
      enabled: Type.Boolean(),
      next_run_at: nullable(moment),
      waiting: Type.Integer(),
      active: Type.Integer(),
      last_run: nullable(Run),
    }),
  ),
  worker_age_seconds: nullable(Type.Number({ description: 'Since any worker was heard of' })),
});
const jobParams = Type.Object({ job: Type.String({ maxLength: 100, description: 'As in GET /api/jobs' }) });
const admin = { scope: 'admin' } as const;
const tags = ['jobs'];

const readRoutes: FastifyPluginAsyncTypebox<RouteOptions> = async (app, { appPool }) => {
  app.get(
    '/api/jobs',
    {
      config: admin,
      schema: {
        tags,
        summary: 'Background jobs: schedules, what waits, how the last run ended',
        response: { 200: Jobs, 503: problems[503] },
      },
    },
    async () =>
      ({
        items: await listJobs(appPool),
        worker_age_seconds: await workerAgeSeconds(appPool),
      }) as never,
  );
  app.get(
    '/api/jobs/:job/runs',
    {
      config: admin,
      schema: {
        tags,
        summary: 'History of a job, newest first',
        params: jobParams,
        querystring: Type.Object(
          {
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 20 })),
            before: Type.Optional(
              Type.Integer({
                minimum: 1,
                maximum: Number.MAX_SAFE_INTEGER,
                description: '`run_id` of the last row of the page before',
              }),
            ),
          },
          strict,
        ),
        response: { 200: Type.Object({ items: Type.Array(Run) }), ...problems },
      },
    },
    async ({ params, query }) =>
      ({
        items: await listRuns(appPool, {
          job: parseJobName(params.job),
          limit: query.limit ?? 20,
          before: query.before,
        }),
      }) as never,
  );
  app.get(
    '/api/dead-letters',
    {
      config: admin,
      schema: {
        tags,
        summary: 'Jobs that failed for the last time',
        response: {
          200: Type.Object({
            items: Type.Array(
              Type.Object({
                id: Type.String({ format: 'uuid' }),
                job: Type.String(),
                error_code: text,
                message: text,
                died_at: moment,
              }),
            ),
          }),
          503: problems[503],
        },
      },
    },
    async () => ({ items: await listDeadLetters(appPool) }) as never,
  );
};

const writeRoutes: FastifyPluginAsyncTypebox<RouteOptions> = async (app, { appPool, now }) => {
  app.post(
    '/api/jobs/:job/runs',
    {
      config: admin,
      schema: {
        tags,
        summary: 'Ask for a run as soon as a worker is free',
        params: jobParams,
        response: { 202: Type.Object({ id: Type.String(), job: Type.String() }), ...problems },
      },
    },
    async ({ params }, reply) => {
      const job = parseJobName(params.job);
      return reply.code(202).send({ id: await requestRun(appPool, job), job });
    },
  );
  app.put(
    '/api/jobs/:job/schedule',
    {
      config: admin,
      schema: {
        tags,
        summary: 'Say when a job runs by itself; what is left out stays as it is',
        params: jobParams,
        body: Type.Object(
          {
            cron: Type.Optional(
              Type.String({
                minLength: 1,
                maxLength: 200,
                description: '"30 3 * * *": minute, hour, day of month, month, day of week',
              }),
            ),
            time_zone: Type.Optional(
              Type.String({ maxLength: 100, description: "An empty one is the shop's" }),
            ),
            missed: Type.Optional(Missed),
            enabled: Type.Optional(Type.Boolean()),
          },
          strict,
        ),
        response: { 200: Type.Object({ job: Type.String(), next_run_at: moment }), ...problems },
      },
    },
    async ({ params, body }) => {
      const job = parseJobName(params.job);
      return { job, next_run_at: (await setSchedule(appPool, job, body, now())) as never };
    },
  );
  app.post(
    '/api/dead-letters/:id/revival',
    {
      config: admin,
      schema: {
        tags,
        summary: 'Try a job again that failed for the last time',
        params: Type.Object({ id: Type.String({ format: 'uuid' }) }),
        response: { 202: Type.Object({ job: Type.String() }), ...problems },
      },
    },
    async ({ params }, reply) => reply.code(202).send({ job: await reviveDeadLetter(appPool, params.id) }),
  );
};

export const jobRoutes: FastifyPluginAsyncTypebox<RouteOptions> = async (app, options) => {
  await app.register(readRoutes, options);
  await app.register(writeRoutes, options);
};
