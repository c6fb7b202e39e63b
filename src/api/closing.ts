import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** For answers under way. Containers are killed 10 s after they are told to stop, and the database wants to be closed too. */
const GRACE_MS = 5_000;

/**
 * Closing waits for answers under way, not for callers. Node closes connections that are idle after an answer, but not those that never asked
 * anything, which browsers open in advance: measured, one of them held up the end for the whole connection timeout.
 */
export function closePromptly(app: FastifyInstance): void {
  const silent = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  app.server.on('request', ({ socket }) => void silent.delete(socket));
  let isClosing = false;
  app.addHook('onSend', async (_request, reply) => {
    // A connection that is kept alive would hold the end for 72 s.
    if (isClosing) reply.header('connection', 'close');
  });
  app.addHook('preClose', async () => {
    isClosing = true;
    for (const socket of silent) socket.destroy();
    setTimeout(() => app.server.closeAllConnections(), GRACE_MS).unref();
  });
}
