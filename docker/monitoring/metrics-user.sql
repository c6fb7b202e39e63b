-- A login for postgres_exporter that sees statistics and no data. Run by psql as superuser; a second run sets the password anew.
-- The password comes by the environment, so that it stands on no command line, and is kept out of pg_stat_statements.
\set ON_ERROR_STOP on
\getenv password METRICS_USER_PASSWORD
SET pg_stat_statements.track = 'none';
SET log_min_error_statement = 'panic';
SELECT 'CREATE ROLE metrics_user NOLOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'metrics_user') \gexec
ALTER ROLE metrics_user LOGIN CONNECTION LIMIT 5 PASSWORD :'password';
ALTER ROLE metrics_user SET default_transaction_read_only = on;
ALTER ROLE metrics_user SET statement_timeout = '10s';
COMMENT ON ROLE metrics_user IS 'postgres_exporter: statistics of the server, no data';
GRANT pg_monitor TO metrics_user;
SELECT format('GRANT CONNECT ON DATABASE %I TO metrics_user', current_database()) \gexec
