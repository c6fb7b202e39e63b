/** SQL of the database layer itself; each feature has a queries.ts of its own. */

export const SNAPSHOT = 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY';
export const SERVER_VERSION = 'SHOW server_version_num';
export const DATABASE_EXISTS = 'SELECT FROM pg_database WHERE datname = $1';
export const SET_UP_LOCK = 'SELECT pg_advisory_lock(hashtext($1))';
export const SET_UP_UNLOCK = 'SELECT pg_advisory_unlock(hashtext($1))';

/** $1 is pasted by format(%I) on the server: CREATE DATABASE takes no parameters. template0 has no local additions and takes UTF-8. */
export const FORMAT_CREATE_DATABASE =
  "SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING ''UTF8''', $1::text) AS sql";

export const LEDGER_EXISTS = "SELECT to_regclass('maintenance.migrations') IS NOT NULL AS present";
export const CREATE_LEDGER = `
  CREATE TABLE maintenance.migrations (
    name       text PRIMARY KEY,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
  );
  COMMENT ON TABLE maintenance.migrations IS 'Migrations applied to this database, with the SHA-256 of each file';
  GRANT SELECT ON maintenance.migrations TO admin_user`;
export const READ_LEDGER = 'SELECT name, checksum, applied_at FROM maintenance.migrations ORDER BY name';
export const RECORD_MIGRATION = 'INSERT INTO maintenance.migrations (name, checksum) VALUES ($1, $2)';
export const APPLY_DATABASE_SETTINGS = 'SELECT maintenance.apply_database_settings()';

/** Asked as app_user, who cannot see the ledger: the newest function of the schema that this program calls. */
export const SCHEMA_READY =
  "SELECT to_regprocedure('app_schema.get_recommendations(integer, integer, jsonb)') IS NOT NULL AS ready";
/** Only where the schema is ready. */
export const HAS_SETTINGS = 'SELECT EXISTS (SELECT FROM app_schema.settings) AS present';
/** A source of events is remembered when its events are gone: who removed the demonstration shop does not want it back. */
export const IS_EMPTY = `
  SELECT NOT EXISTS (SELECT FROM app_schema.events) AND NOT EXISTS (SELECT FROM app_schema.users)
    AND NOT EXISTS (SELECT FROM app_schema.sources) AS empty`;
