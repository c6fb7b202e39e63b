import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import Fastify, { type FastifyInstance } from 'fastify';

/**
 * Helmet's headers are the same for each answer: asked once, since it makes them anew each time, which cost an event that comes over HTTP a tenth of
 * its work.
 */
async function helmetHeaders(): Promise<[string, string][]> {
  const probe = Fastify();
  await probe.register(helmet, {
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
  const plain = new Set(Object.keys((await Fastify().inject('/')).headers));
  const { headers } = await probe.inject('/');
  await probe.close();
  return Object.entries(headers).flatMap(([name, value]) => (plain.has(name) ? [] : [[name, String(value)]]));
}

/** What browsers are told: nothing foreign runs in our pages, no foreign page frames them, and only the origins named may call. */
export async function registerSecurityHeaders(
  app: FastifyInstance,
  origins: readonly string[],
): Promise<void> {
  const headers = await helmetHeaders();
  app.addHook('onRequest', (_request, reply, done) => {
    for (const [name, value] of headers) reply.raw.setHeader(name, value);
    done();
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
