/** The rules themselves stand in database/checks, one query a file, where a DBA can run them with psql. */

export const IS_SUPERUSER = 'SELECT rolsuper AS superuser FROM pg_roles WHERE rolname = current_user';
/** The logins are read by application-rights.sql: a file takes no parameters. Without a search path every name comes with its schema. */
export const PREPARE_SESSION =
  "SELECT set_config('customer_analyzer.application_roles', $1, false), set_config('search_path', 'pg_catalog', false)";
