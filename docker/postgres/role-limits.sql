-- How many connections a role may hold, and how long its sessions may take, in production. Run by psql as superuser after `db migrate`;
-- a second run changes nothing. An import lifts statement_timeout for its own transactions.
\set ON_ERROR_STOP on
ALTER ROLE app_user CONNECTION LIMIT 60;
ALTER ROLE app_user SET statement_timeout = '10min';
ALTER ROLE app_user SET lock_timeout = '1min';
ALTER ROLE app_user SET idle_in_transaction_session_timeout = '10min';
-- Training reads all events in one transaction, and computes between two reads.
ALTER ROLE ml_user CONNECTION LIMIT 12;
ALTER ROLE ml_user SET statement_timeout = '1h';
ALTER ROLE ml_user SET idle_in_transaction_session_timeout = '1h';
ALTER ROLE admin_user CONNECTION LIMIT 10;
ALTER ROLE admin_user SET idle_in_transaction_session_timeout = '1h';
