import type { FastifyInstance } from 'fastify';
import { AppError } from '../errors.ts';

/** Listens where asked; a taken port is an error, unless `orAnother` allows a free one. @returns the address as a URL */
export async function listen(
  app: FastifyInstance,
  host: string,
  port: number,
  orAnother: boolean,
): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    if (orAnother) return app.listen({ host, port: 0 });
    throw new AppError('PORT_TAKEN', `port ${port} on ${host} is taken by another program`, {
      details: { host, port },
      hint: 'Set PORT to a free one.',
      cause: error,
    });
  }
}
