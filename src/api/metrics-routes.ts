import type { FastifyInstance } from 'fastify';
import { readMigrationFiles } from '../database/sql-files.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { watchDatabase } from '../metrics/read.ts';
import type { RouteOptions } from './routes.ts';

export const migrationNames = readMigrationFiles().map(({ name }) => name);

/** Observes every answer, and shows what is known to Prometheus. Registered on the root: a plugin's hooks would see its own routes only. */
export function addMetrics(
  app: FastifyInstance,
  { appPool }: RouteOptions,
  metrics: Metrics,
  token: string | undefined,
): void {
  metrics.watchPool('api', appPool);
  const readDatabase = watchDatabase(metrics.registry, appPool, migrationNames);
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    metrics.observeRequest(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
  });
  const config = { scope: 'read' as const, secret: token };
  app.get('/metrics', { schema: { hide: true }, config }, async (_request, reply) => {
    await readDatabase();
    return reply
      .type(metrics.registry.contentType)
      .serializer(String)
      .send(await metrics.registry.metrics());
  });
}
