/** The rules themselves stand in database/checks, one query a file, where a DBA can run them with psql. */

export const IS_SUPERUSER = 'SELECT rolsuper AS superuser FROM pg_roles WHERE rolname = current_user';
/** Read by application-rights.sql: a file takes no parameters. */
export const APPLICATION_ROLES = "SELECT set_config('customer_analyzer.application_roles', $1, false)";
