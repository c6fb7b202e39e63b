import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { LiveIngestion } from '../ingestion/live/ingestion.ts';
import type { LiveLimits } from '../ingestion/live/limits.ts';
import type { Logger } from '../logger.ts';
import { ingestRoutes } from './ingest/ingest-routes.ts';
import { rejectRoutes } from './ingest/reject-routes.ts';
import { Problem, renderProblem } from './problem.ts';
import { healthRoutes, productRoutes, type RouteOptions, reasonRoutes, userRoutes } from './routes.ts';

export interface ApiOptions extends RouteOptions {
  logger: Logger;
  version: string;
  /** What a request of events and the intake may hold; what is not given is as Segment has it. */
  ingest?: Partial<LiveLimits>;
}

/** Composes the HTTP door; it listens nowhere, so that tests can inject. */
export async function createApi(options: ApiOptions): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify({
    loggerInstance: options.logger as FastifyBaseLogger,
    frameworkErrors: renderProblem,
    bodyLimit: 1 << 20,
    requestTimeout: 30_000,
    routerOptions: { maxParamLength: 100 },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true, allErrors: false } },
  });
  // The rows of the SQL functions go out as they are; the response schemas document them and the tests hold them to it.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.setErrorHandler(renderProblem);
  app.setNotFoundHandler((request, reply) =>
    renderProblem(
      Object.assign(new Error(`there is no ${request.method} ${request.url.split('?')[0]}`), {
        statusCode: 404,
        code: '',
        name: 'NotFound',
      }),
      request,
      reply,
    ),
  );
  app.addSchema(Problem);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Customer Analyzer',
        version: options.version,
        description:
          'Segments, lifetime values, churn, purchase probabilities and recommendations, each with its reason.',
      },
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) => (json['$id'] as string | undefined) ?? `def-${i}`,
    },
  });
  await app.register(swaggerUi, { routePrefix: '/docs' });
  app.get('/', { schema: { hide: true } }, (_request, reply) => reply.redirect('/docs'));
  hangUpWhenClosing(app);
  await app.register(healthRoutes, options);
  await app.register(userRoutes, options);
  await app.register(reasonRoutes, options);
  await app.register(productRoutes, options);
  const ingestion = new LiveIngestion(options.appPool, { now: options.now, limits: options.ingest ?? {} });
  await app.register(ingestRoutes, { ingestion });
  await app.register(rejectRoutes, { appPool: options.appPool, ingestion });
  return app;
}

/** Who still waits when the server closes is answered and hung up on: a connection kept alive would hold the close for 72 s. */
function hangUpWhenClosing(app: FastifyInstance): void {
  let isClosing = false;
  app.addHook('preClose', async () => {
    isClosing = true;
  });
  app.addHook('onSend', async (_request, reply) => {
    if (isClosing) reply.header('connection', 'close');
  });
}
