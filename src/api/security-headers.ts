import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';

/** What browsers are told: nothing foreign runs in our pages, no foreign page frames them, and only the origins named may call. */
export async function registerSecurityHeaders(
  app: FastifyInstance,
  origins: readonly string[],
): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      // The documentation's page brings styles of its own; scripts come from here alone.
      directives: {
        'default-src': ["'self'"],
        'style-src': ["'self'", "'unsafe-inline'"],
        'img-src': ["'self'", 'data:'],
        'frame-ancestors': ["'none'"],
        // Over plain HTTP, as on a developer's machine, it would send the page's own requests to a port where nobody answers.
        'upgrade-insecure-requests': null,
      },
    },
  });
  if (origins.length === 0) return;
  // Before the hook of access: a preflight request has no credentials, and is answered here.
  await app.register(cors, {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
    exposedHeaders: ['x-request-id', 'retry-after', 'etag'],
    maxAge: 600,
  });
}
