import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError } from './errors.ts';

/** Everything that can be set from outside. Read once by the doors, frozen, passed down; nothing below reads the environment. */
export interface Config {
  /** Administers: superuser or owner. `undefined` means the embedded PostgreSQL. */
  readonly databaseUrl: string | undefined;
  readonly appDatabaseUrl: string | undefined;
  readonly mlDatabaseUrl: string | undefined;
  readonly passwords: {
    readonly superuser: string;
    readonly app: string;
    readonly ml: string;
    readonly admin: string;
  };
  /** With it Prometheus reads /metrics, also while the database, which knows the keys, is away. */
  readonly metricsToken: string | undefined;
  /** Folder of the embedded PostgreSQL. */
  readonly home: string;
  readonly embeddedPort: number;
  readonly host: string;
  readonly port: number;
  /** Not the default: no other will do. The default gives way to a free port, also where a copied .env.example names it. */
  readonly portGiven: boolean;
  /** Origins of pages elsewhere that may call the API, exact. */
  readonly corsOrigins: readonly string[];
  /** Addresses or networks of proxies whose X-Forwarded-… headers are believed. */
  readonly trustProxy: readonly string[];
  /** Requests a minute; 0 is no limit. */
  readonly rateLimits: {
    readonly perKey: number;
    readonly perPublicAddress: number;
    readonly perUnknownAddress: number;
  };
  readonly logLevel: string;
  readonly production: boolean;
  readonly scoring: ScoringSettings;
  readonly ingest: IngestSettings;
}

/** Limits of what comes in over HTTP; bytes count after decompression. */
interface IngestSettings {
  readonly eventBytes: number;
  readonly batchBytes: number;
  readonly batchEvents: number;
  /** Of all requests that are read, queued or written at one time. */
  readonly intakeBytes: number;
  readonly intakeRequests: number;
  /** Sales that come with a public key are taken, marked as such. */
  readonly publicSales: boolean;
}

interface ScoringSettings {
  readonly purchaseHorizonDays: number;
  readonly churnHorizonDays: number;
  readonly ltvHorizonDays: number;
  readonly ltvDiscountHorizonDays: number;
  /** A year: 0.1 for 10 %. */
  readonly ltvDiscountRate: number;
  /** Fewer buyers or a shorter history give no LTV but `insufficient_data`. */
  readonly ltvMinBuyers: number;
  readonly ltvMinHistoryDays: number;
  /** Fewer customers of either outcome at the training cut-off give no probability but `insufficient_data`. */
  readonly minOutcomes: number;
}

type Environment = Record<string, string | undefined>;

const projectRoot = fileURLToPath(new URL('../', import.meta.url));
const developmentPasswords = {
  superuser: 'postgres',
  app: 'app_password',
  ml: 'ml_password',
  admin: 'admin_password',
};
/** Of docker-compose.yml. */
const DEVELOPMENT_METRICS_TOKEN = 'metrics_token';
const DEFAULT_PORT = 3000;
const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

function invalid(name: string, problem: string, hint: string): AppError {
  return new AppError('CONFIG_INVALID', `${name} ${problem}`, { details: { variable: name }, hint });
}

function integer(env: Environment, name: string, fallback: number, min: number, max: number): number {
  const text = env[name]?.trim();
  if (!text) return fallback;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw invalid(
      name,
      `is "${text}"`,
      `Give a whole number from ${min} to ${max}, or leave it out for ${fallback}.`,
    );
  }
  return value;
}

function databaseUrl(env: Environment, name: string): string | undefined {
  const text = env[name]?.trim();
  if (!text) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^postgres(ql)?:$/.test(url.protocol) || url.pathname.length < 2) {
    // The value is not repeated: it may hold a password.
    throw invalid(name, 'is not a PostgreSQL URL', 'Write postgresql://user:password@host:5432/database.');
  }
  return text;
}

function list(env: Environment, name: string, valid: (item: string) => boolean, hint: string): string[] {
  const items = (env[name] ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);
  const wrong = items.find((item) => !valid(item));
  if (wrong !== undefined) throw invalid(name, `has "${wrong}"`, hint);
  return items;
}

const isOrigin = (text: string): boolean =>
  URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).origin === text;

function isNetwork(text: string): boolean {
  const [address, bits, ...rest] = text.split('/') as [string, ...string[]];
  return isIP(address) > 0 && rest.length === 0 && (bits === undefined || /^\d{1,3}$/.test(bits));
}

function choice(env: Environment, name: string, fallback: string, allowed: string[]): string {
  const text = env[name]?.trim() || fallback;
  if (!allowed.includes(text)) throw invalid(name, `is "${text}"`, `Choose one of ${allowed.join(', ')}.`);
  return text;
}

/** A secret from the variable NAME, or from the file that NAME_FILE names, as orchestrators mount them. Null where neither is set. */
function secret(env: Environment, name: string): string | null {
  const file = env[`${name}_FILE`]?.trim();
  if (!file) return env[name] || null;
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '') || null;
  } catch (cause) {
    throw invalid(
      `${name}_FILE`,
      `names ${file}, which cannot be read (${(cause as NodeJS.ErrnoException).code})`,
      'Name a file that this user may read, with the secret as its only line.',
    );
  }
}

/** Else the largest request that is allowed could never be let in. */
function checkIngest({ batchBytes, intakeBytes }: IngestSettings): void {
  if (intakeBytes < batchBytes)
    throw invalid(
      'INGEST_INTAKE_BYTES',
      'is less than INGEST_BATCH_BYTES',
      'Let at least one whole request in.',
    );
}

/** Fills in the password of its user from where that role's secret is set; a URL that has its own keeps it. */
function withSecret(env: Environment, url: string | undefined): string | undefined {
  if (url === undefined || new URL(url).password !== '') return url;
  const filled = new URL(url);
  // POSTGRES_PASSWORD alone may be that of another server, the embedded one.
  const superuser = env['POSTGRES_PASSWORD_FILE'] ? 'POSTGRES_PASSWORD' : null;
  const name = roleSecrets[userOf(url)] ?? superuser;
  const password = name && secret(env, name);
  if (!password) return url;
  filled.password = encodeURIComponent(password);
  return filled.href;
}

const roleSecrets: Record<string, string> = {
  app_user: 'APP_USER_PASSWORD',
  ml_user: 'ML_USER_PASSWORD',
  admin_user: 'ADMIN_USER_PASSWORD',
};

const userOf = (url: string): string => decodeURIComponent(new URL(url).username);

/** Shorter ones can be guessed offline from what pg_authid or a captured login holds. */
const SHORTEST_SECRET = 16;

function weakness(value: string): string | null {
  if (value === '') return 'is empty';
  if ([...Object.values(developmentPasswords), DEVELOPMENT_METRICS_TOKEN].includes(value))
    return 'is a development password';
  return value.length < SHORTEST_SECRET ? `has fewer than ${SHORTEST_SECRET} characters` : null;
}

/** @throws DEFAULT_PASSWORD naming every variable that production must not start with, never its value */
function refuseWeakSecrets(config: Config): void {
  const password = (url: string): string => decodeURIComponent(new URL(url).password);
  const { databaseUrl, appDatabaseUrl, mlDatabaseUrl, passwords, metricsToken } = config;
  // What logs in as these makes no roles, and so needs no other's password.
  const migrates = !databaseUrl || !['app_user', 'ml_user'].includes(userOf(databaseUrl));
  const used: [string, string][] = [
    databaseUrl ? ['DATABASE_URL', password(databaseUrl)] : ['POSTGRES_PASSWORD', passwords.superuser],
    appDatabaseUrl ? ['APP_DATABASE_URL', password(appDatabaseUrl)] : ['APP_USER_PASSWORD', passwords.app],
    mlDatabaseUrl ? ['ML_DATABASE_URL', password(mlDatabaseUrl)] : ['ML_USER_PASSWORD', passwords.ml],
  ];
  if (migrates) used.push(['ADMIN_USER_PASSWORD', passwords.admin]);
  if (metricsToken !== undefined) used.push(['METRICS_TOKEN', metricsToken]);
  const weak = used.flatMap(([name, value]) => {
    const reason = weakness(value);
    return reason ? [`${name} ${reason}`] : [];
  });
  if (weak.length === 0) return;
  throw new AppError('DEFAULT_PASSWORD', `not with NODE_ENV=production: ${weak.join('; ')}`, {
    details: { variables: weak.map((each) => each.split(' ')[0]) },
    hint: `Set each to a secret of ${SHORTEST_SECRET} characters or more (openssl rand -hex 24), or name a file in NAME_FILE; of a URL it is the password that counts.`,
  });
}

/** Reads and checks the environment. @throws CONFIG_INVALID naming the variable and the cure; DEFAULT_PASSWORD in production */
export function loadConfig(env: Environment): Config {
  const port = integer(env, 'PORT', DEFAULT_PORT, 0, 65_535);
  const production = env['NODE_ENV'] === 'production';
  const config: Config = {
    databaseUrl: withSecret(env, databaseUrl(env, 'DATABASE_URL')),
    appDatabaseUrl: withSecret(env, databaseUrl(env, 'APP_DATABASE_URL')),
    mlDatabaseUrl: withSecret(env, databaseUrl(env, 'ML_DATABASE_URL')),
    passwords: Object.freeze({
      superuser: secret(env, 'POSTGRES_PASSWORD') ?? developmentPasswords.superuser,
      app: secret(env, 'APP_USER_PASSWORD') ?? developmentPasswords.app,
      ml: secret(env, 'ML_USER_PASSWORD') ?? developmentPasswords.ml,
      admin: secret(env, 'ADMIN_USER_PASSWORD') ?? developmentPasswords.admin,
    }),
    metricsToken: secret(env, 'METRICS_TOKEN') ?? undefined,
    home: resolve(env['CUSTOMER_ANALYZER_HOME'] || `${projectRoot}.data`),
    embeddedPort: integer(env, 'CUSTOMER_ANALYZER_DATABASE_PORT', 5432, 1024, 65_535),
    host: env['HOST']?.trim() || '127.0.0.1',
    port,
    portGiven: port !== DEFAULT_PORT,
    corsOrigins: Object.freeze(
      list(
        env,
        'CORS_ORIGINS',
        isOrigin,
        'Write https://shop.example, several with commas between; no path, no *.',
      ),
    ),
    trustProxy: Object.freeze(
      list(env, 'TRUST_PROXY', isNetwork, 'Write 10.0.0.1 or 10.0.0.0/8, several with commas between.'),
    ),
    rateLimits: Object.freeze({
      perKey: integer(env, 'RATE_LIMIT_PER_KEY', 60_000, 0, 100_000_000),
      perPublicAddress: integer(env, 'RATE_LIMIT_PUBLIC', 600, 0, 100_000_000),
      perUnknownAddress: integer(env, 'RATE_LIMIT_UNKNOWN', 300, 0, 100_000_000),
    }),
    // On a developer's terminal a line for each request would bury what start says.
    logLevel: choice(env, 'LOG_LEVEL', production ? 'info' : 'warn', logLevels),
    production,
    scoring: Object.freeze({
      purchaseHorizonDays: 30, // the column is called purchase_probability_30d
      churnHorizonDays: integer(env, 'CHURN_HORIZON_DAYS', 90, 7, 730),
      ltvHorizonDays: integer(env, 'LTV_HORIZON_DAYS', 365, 30, 3650),
      ltvDiscountHorizonDays: integer(env, 'LTV_DISCOUNT_HORIZON_DAYS', 1095, 30, 36_500),
      ltvDiscountRate: integer(env, 'LTV_DISCOUNT_PERCENT', 10, 0, 100) / 100,
      ltvMinBuyers: integer(env, 'LTV_MIN_BUYERS', 500, 1, 1_000_000),
      ltvMinHistoryDays: integer(env, 'LTV_MIN_HISTORY_DAYS', 182, 1, 3650),
      minOutcomes: integer(env, 'SCORING_MIN_OUTCOMES', 100, 1, 1_000_000),
    }),
    ingest: Object.freeze({
      eventBytes: integer(env, 'INGEST_EVENT_BYTES', 32_768, 1_024, 65_536),
      batchBytes: integer(env, 'INGEST_BATCH_BYTES', 512_000, 1_024, 16_777_216),
      batchEvents: integer(env, 'INGEST_BATCH_EVENTS', 2_500, 1, 20_000),
      intakeBytes: integer(env, 'INGEST_INTAKE_BYTES', 8_388_608, 1_024, 1_073_741_824),
      intakeRequests: integer(env, 'INGEST_INTAKE_REQUESTS', 1_000, 1, 100_000),
      publicSales: choice(env, 'INGEST_PUBLIC_SALES', 'refused', ['refused', 'accepted']) === 'accepted',
    }),
  };
  checkIngest(config.ingest);
  if (production) refuseWeakSecrets(config);
  return Object.freeze(config);
}
