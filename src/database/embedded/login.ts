import { realpath } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { AppError } from '../../errors.ts';

export interface Login {
  port: number;
  superuser: string;
  superuserPassword: string;
  dataDirectory: string;
}

/** Logs in and asks which data it serves: a port alone does not tell whose server answers there. */
export async function verifyLogin(login: Login): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const served = await servedDirectory(login);
      const expected = await realpath(login.dataDirectory).catch(() => login.dataDirectory);
      if (served === login.dataDirectory || served === expected) return;
      throw otherServer(login, served);
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      if (code === '28P01') throw otherPassword(login, error);
      // 57P03: it does not yet accept connections; a postmaster that recovers from a crashed backend says so, too.
      if (code !== '57P03' || attempt >= 100) throw error;
      await sleep(100);
    }
  }
}

async function servedDirectory(login: Login): Promise<string> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: login.port,
    user: login.superuser,
    password: login.superuserPassword,
    database: 'postgres',
    connectionTimeoutMillis: 10_000,
    ssl: false,
  });
  // A client without a listener would end the process when the server ends its connection.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
    return rows[0]?.data_directory ?? '';
  } finally {
    await client.end().catch(() => undefined);
  }
}

function otherPassword(login: Login, cause: unknown): AppError {
  return new AppError(
    'EMBEDDED_START_FAILED',
    `The embedded PostgreSQL refuses the configured password of its superuser ${login.superuser}.`,
    {
      details: { dataDirectory: login.dataDirectory },
      hint: 'The password was set when the database was made: configure that one again, or change it in the database first (ALTER ROLE).',
      cause,
    },
  );
}

function otherServer(login: Login, served: string): AppError {
  return new AppError('EMBEDDED_START_FAILED', `Another PostgreSQL answers on port ${login.port}.`, {
    details: { expected: login.dataDirectory, served },
    hint: 'End it, or give the embedded server another port.',
  });
}
