import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';

/**
 * Answers of GET carry an ETag and are asked again each time: nothing is ever stale, and what did not change costs a header instead of a body.
 * Only the reader's own cache may keep them. What has to do with access is kept nowhere.
 */
export function revalidate(app: FastifyInstance): void {
  app.addHook('onSend', async (request, reply, payload) => {
    if (reply.hasHeader('cache-control')) return payload;
    const reads = request.method === 'GET' || request.method === 'HEAD';
    const cacheable =
      reads &&
      reply.statusCode === 200 &&
      typeof payload === 'string' &&
      request.routeOptions.config.scope === 'read';
    reply.header('cache-control', cacheable ? 'private, no-cache' : 'no-store');
    if (!cacheable) return payload;
    const etag = `W/"${createHash('sha256').update(payload).digest('base64url').slice(0, 27)}"`;
    reply.header('etag', etag);
    if (!matches(request.headers['if-none-match'], etag)) return payload;
    reply.code(304).removeHeader('content-type').removeHeader('content-length');
    return null;
  });
}

function matches(header: string | undefined, etag: string): boolean {
  const given = (header ?? '').split(',').map((each) => each.trim());
  return given.includes(etag) || given.includes('*');
}
