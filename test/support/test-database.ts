import pg from 'pg';
import { inject } from 'vitest';
import { withDatabase, withLogin } from '../../src/database/connection-urls.ts';
import { createPool } from '../../src/database/pool.ts';

export const PASSWORDS = {
  superuser: 'postgres',
  app: 'app_password',
  ml: 'ml_password',
  admin: 'admin_password',
};
export const TEMPLATE_DATABASE = 'customer_analyzer_template';

export interface TestDatabase {
  name: string;
  /** Superuser's URL. */
  url: string;
  urls: { admin: string; app: string; ml: string };
  adminPool: pg.Pool;
  appPool: pg.Pool;
  mlPool: pg.Pool;
  /** Empties what events, users and products hold, sequences included. */
  clear(): Promise<void>;
  drop(): Promise<void>;
}

let counter = 0;

async function asSuperuser<T>(url: string, run: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await run(client);
  } finally {
    await client.end();
  }
}

/** A database of the test file's own, cloned from the migrated template. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const templateUrl = inject('templateUrl');
  const name = `test_${process.pid}_${++counter}`;
  const maintenanceUrl = withDatabase(templateUrl, 'postgres');
  await asSuperuser(maintenanceUrl, (client) =>
    client.query(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE_DATABASE}`),
  );
  const url = withDatabase(templateUrl, name);
  await asSuperuser(url, (client) => client.query('SELECT maintenance.apply_database_settings()'));
  const urls = {
    admin: url,
    app: withLogin(url, 'app_user', PASSWORDS.app),
    ml: withLogin(url, 'ml_user', PASSWORDS.ml),
  };
  const pools = [url, urls.app, urls.ml].map((each) => createPool(each, { applicationName: 'test' }));
  const [adminPool, appPool, mlPool] = pools as [pg.Pool, pg.Pool, pg.Pool];
  return {
    name,
    url,
    urls,
    adminPool,
    appPool,
    mlPool,
    clear: async () => {
      await adminPool.query(
        'TRUNCATE app_schema.users, app_schema.products, app_schema.events, app_schema.sources, app_schema.import_runs, app_schema.ingested_messages, app_schema.ingest_rejects, app_schema.recommenders, app_schema.recommendation_rules, app_schema.recommendation_experiments RESTART IDENTITY CASCADE',
      );
    },
    drop: async () => {
      await Promise.all(pools.map((pool) => pool.end()));
      await asSuperuser(maintenanceUrl, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
    },
  };
}
