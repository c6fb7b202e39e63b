import { readFileSync } from 'node:fs';
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
  /** Folder of the embedded PostgreSQL. */
  readonly home: string;
  readonly embeddedPort: number;
  readonly host: string;
  readonly port: number;
  /** Not the default: no other will do. The default gives way to a free port, also where a copied .env.example names it. */
  readonly portGiven: boolean;
  readonly logLevel: string;
  readonly production: boolean;
  readonly scoring: ScoringSettings;
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

/** The superuser's password may come from a file; a URL that has its own keeps it. */
function withSecret(url: string | undefined, password: string | null): string | undefined {
  if (url === undefined || password === null || new URL(url).password !== '') return url;
  const filled = new URL(url);
  filled.password = encodeURIComponent(password);
  return filled.href;
}

/** Shorter ones can be guessed offline from what pg_authid or a captured login holds. */
const SHORTEST_SECRET = 16;

function weakness(value: string): string | null {
  if (value === '') return 'is empty';
  if (Object.values(developmentPasswords).includes(value)) return 'is a development password';
  return value.length < SHORTEST_SECRET ? `has fewer than ${SHORTEST_SECRET} characters` : null;
}

/** @throws DEFAULT_PASSWORD naming every variable that production must not start with, never its value */
function refuseWeakSecrets(config: Config): void {
  const password = (url: string): string => decodeURIComponent(new URL(url).password);
  const { databaseUrl, appDatabaseUrl, mlDatabaseUrl, passwords } = config;
  const used: [string, string][] = [
    databaseUrl ? ['DATABASE_URL', password(databaseUrl)] : ['POSTGRES_PASSWORD', passwords.superuser],
    appDatabaseUrl ? ['APP_DATABASE_URL', password(appDatabaseUrl)] : ['APP_USER_PASSWORD', passwords.app],
    mlDatabaseUrl ? ['ML_DATABASE_URL', password(mlDatabaseUrl)] : ['ML_USER_PASSWORD', passwords.ml],
    ['ADMIN_USER_PASSWORD', passwords.admin],
  ];
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
    databaseUrl: withSecret(
      databaseUrl(env, 'DATABASE_URL'),
      env['POSTGRES_PASSWORD_FILE'] ? secret(env, 'POSTGRES_PASSWORD') : null,
    ),
    appDatabaseUrl: databaseUrl(env, 'APP_DATABASE_URL'),
    mlDatabaseUrl: databaseUrl(env, 'ML_DATABASE_URL'),
    passwords: Object.freeze({
      superuser: secret(env, 'POSTGRES_PASSWORD') ?? developmentPasswords.superuser,
      app: secret(env, 'APP_USER_PASSWORD') ?? developmentPasswords.app,
      ml: secret(env, 'ML_USER_PASSWORD') ?? developmentPasswords.ml,
      admin: secret(env, 'ADMIN_USER_PASSWORD') ?? developmentPasswords.admin,
    }),
    home: resolve(env['CUSTOMER_ANALYZER_HOME'] || `${projectRoot}.data`),
    embeddedPort: integer(env, 'CUSTOMER_ANALYZER_DATABASE_PORT', 5432, 1024, 65_535),
    host: env['HOST']?.trim() || '127.0.0.1',
    port,
    portGiven: port !== DEFAULT_PORT,
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
  };
  if (production) refuseWeakSecrets(config);
  return Object.freeze(config);
}
