import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { jobRoutes } from './job-routes.ts';
import { addMetrics } from './metrics-routes.ts';
import { Problem, renderProblem } from './problem.ts';
import { healthRoutes, productRoutes, type RouteOptions, reasonRoutes, userRoutes } from './routes.ts';

export interface ApiOptions extends RouteOptions {
  logger: Logger;
  version: string;
  /** Given where others count in it, too. */
  metrics?: Metrics;
}

/** Composes the HTTP door; it listens nowhere, so that tests can inject. */
export async function createApi(options: ApiOptions): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify({
    loggerInstance: options.logger as FastifyBaseLogger,
    frameworkErrors: renderProblem,
    bodyLimit: 1 << 20,
    requestTimeout: 30_000,
    // Who takes nothing of an answer for so long, or sends nothing, is gone.
    connectionTimeout: 60_000,
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
  addMetrics(app, options, options.metrics);
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
  await app.register(healthRoutes, options);
  await app.register(userRoutes, options);
  await app.register(reasonRoutes, options);
  await app.register(productRoutes, options);
  await app.register(jobRoutes, options);
  return app;
}
