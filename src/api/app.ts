import { randomUUID } from 'node:crypto';
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { LiveIngestion } from '../ingestion/live/ingestion.ts';
import type { LiveLimits } from '../ingestion/live/limits.ts';
import type { Logger } from '../logger.ts';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import { administratorRoutes, auditRoutes, keyRoutes } from './access/admin-routes.ts';
import { defaultRateLimits, type RateLimits } from './access/limits.ts';
import { passwordRoutes } from './access/password-routes.ts';
import { registerAccess } from './access/register.ts';
import { sessionRoutes } from './access/session-routes.ts';
import { setUpPage } from './access/set-up-page.ts';
import { revalidate } from './caching.ts';
import { catalogueRoutes } from './catalogue-routes.ts';
import { closePromptly } from './closing.ts';
import { registerDocumentation } from './documentation.ts';
import { errorRoutes } from './error-routes.ts';
import { exportRoutes } from './export-routes.ts';
import { ingestRoutes } from './ingest/ingest-routes.ts';
import { rejectRoutes } from './ingest/reject-routes.ts';
import { jobRoutes } from './job-routes.ts';
import { addMetrics } from './metrics-routes.ts';
import { modelRoutes, overviewRoutes } from './overview-routes.ts';
import { answerBrokenRequest, Problem, renderProblem } from './problem.ts';
import { customerRecommendationRoutes, storefrontRoutes } from './recommendation-routes.ts';
import { healthRoutes, productRoutes, type RouteOptions, reasonRoutes, userRoutes } from './routes.ts';
import { registerSecurityHeaders } from './security-headers.ts';
import { timelineRoutes, userListRoutes } from './user-routes.ts';
import { validateStrictly } from './validation.ts';

export interface ApiOptions extends RouteOptions {
  logger: Logger;
  version: string;
  /** Given where others count in it, too. */
  metrics?: Metrics;
  /** Pages of other origins that may call the API: exact, such as https://shop.example. */
  corsOrigins?: readonly string[];
  /** Addresses of proxies whose X-Forwarded-… headers are believed. */
  trustProxy?: readonly string[];
  rateLimits?: RateLimits;
  /** Opens /metrics beside the keys of scope read; the database is not asked. */
  metricsToken?: string | undefined;
  /** After which the answer to a reader of an export who is too slow is broken off. */
  longestExportMs?: number;
  /** What a request of events and the intake may hold; what is not given is as Segment has it. */
  ingest?: Partial<LiveLimits>;
}

/** A caller's own id is kept where it can do no harm in a log. */
const requestIdPattern = /^[A-Za-z0-9._-]{8,100}$/;

function createServer(options: ApiOptions): FastifyInstance {
  return Fastify({
    loggerInstance: options.logger as FastifyBaseLogger,
    frameworkErrors: renderProblem,
    clientErrorHandler: answerBrokenRequest,
    bodyLimit: 1 << 20,
    requestTimeout: 30_000,
    // Who takes nothing of an answer for so long, or sends nothing, is gone.
    connectionTimeout: 60_000,
    keepAliveTimeout: 72_000,
    http: { maxHeaderSize: 16_384, headersTimeout: 20_000 },
    trustProxy: options.trustProxy?.length ? [...options.trustProxy] : false,
    genReqId: ({ headers }) => {
      const given = headers['x-request-id'];
      return typeof given === 'string' && requestIdPattern.test(given) ? given : randomUUID();
    },
    routerOptions: { maxParamLength: 100 },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: false } },
  });
}

/** Composes the HTTP door; it listens nowhere, so that tests can inject. */
export async function createApi(options: ApiOptions): Promise<FastifyInstance> {
  const app = createServer(options);
  closePromptly(app);
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
  app.addHook('onRequest', async (request, reply) => void reply.header('x-request-id', request.id));
  await registerSecurityHeaders(app, options.corsOrigins ?? []);
  await registerAccess(app, options.appPool, options.rateLimits ?? defaultRateLimits);
  validateStrictly(app);
  revalidate(app);
  app.addSchema(Problem);
  const metrics = options.metrics ?? createMetrics();
  addMetrics(app, options, metrics, options.metricsToken);
  await registerDocumentation(app, options.version);
  app.get('/', { config: { scope: 'none' }, schema: { hide: true } }, (_request, reply) =>
    reply.redirect('/docs'),
  );
  const routes = [
    healthRoutes,
    errorRoutes,
    setUpPage,
    sessionRoutes,
    passwordRoutes,
    keyRoutes,
    administratorRoutes,
    auditRoutes,
    userListRoutes,
    userRoutes,
    timelineRoutes,
    reasonRoutes,
    productRoutes,
    catalogueRoutes,
    overviewRoutes,
    modelRoutes,
    exportRoutes,
    jobRoutes,
    customerRecommendationRoutes,
    storefrontRoutes,
  ];
  for (const each of routes) await app.register(each, options);
  const ingestion = new LiveIngestion(options.appPool, { now: options.now, limits: options.ingest ?? {} });
  metrics.watchPool('intake', ingestion.pool);
  metrics.watchIntake(ingestion.intake);
  await app.register(ingestRoutes, { ingestion, metrics });
  await app.register(rejectRoutes, { appPool: options.appPool, ingestion });
  return app;
}
