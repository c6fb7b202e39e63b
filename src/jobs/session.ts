import pg from 'pg';
import type { JobName } from './catalogue.ts';
import * as queries from './queries.ts';

/** Longer than a busy server takes for a statement without work in it, shorter than anybody should wait for a dead one. */
const ANSWER_WITHIN_MS = 15_000;
/** A server that hears nothing ends the session, and with it its locks, after 30 + 3 x 10 s: a machine that lost its power holds no job for longer. */
const SERVER_KEEPALIVE = '-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3';

/**
 * One connection that a worker lives by. Who works on a job holds its lock here: PostgreSQL lets go of it at the moment in which the worker's
 * process ends, however it ends, and gives it to one at a time. A pooler that hands a server connection from client to client breaks that.
 */
export interface Session {
  /** Aborted when the connection is lost: from then on another worker may have the job. */
  readonly lost: AbortSignal;
  tryLock(job: JobName): Promise<boolean>;
  unlock(job: JobName): Promise<void>;
  /** Says that the worker is alive. */
  beat(worker: string): Promise<void>;
  leave(worker: string): Promise<void>;
  close(): Promise<void>;
}

export async function openSession(url: string): Promise<Session> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'customer-analyzer worker',
    options: SERVER_KEEPALIVE,
    keepAlive: true,
    connectionTimeoutMillis: 5_000,
    query_timeout: ANSWER_WITHIN_MS,
  });
  const lost = new AbortController();
  client.on('error', () => lost.abort());
  client.on('end', () => lost.abort());
  await client.connect();
  const ask = async (sql: string, values: unknown[]): Promise<pg.QueryResult> => {
    try {
      return await client.query(sql, values);
    } catch (error) {
      // No statement here can fail by itself: a connection that does not answer is as good as lost.
      lost.abort();
      throw error;
    }
  };
  return {
    lost: lost.signal,
    tryLock: async (job) => (await ask(queries.TRY_LOCK, [job])).rows[0].locked,
    unlock: async (job) => void (await ask(queries.UNLOCK, [job])),
    beat: async (worker) => void (await ask(queries.BEAT, [worker])),
    leave: async (worker) => void (await ask(queries.LEAVE, [worker])),
    close: async () => {
      // To a server that is gone, a polite end would wait for ever.
      const ended = client.end().catch(() => undefined);
      const late = setTimeout(
        () =>
          (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy(),
        1_000,
      );
      await ended;
      clearTimeout(late);
    },
  };
}
