-- severity: notice
-- problem: app_user and ml_user can connect to another database of this server
-- fix: REVOKE CONNECT ON DATABASE … FROM PUBLIC, if nobody needs it
SELECT d.datname AS object, 'PUBLIC may connect' AS detail FROM pg_database d
WHERE d.datallowconn AND d.datname <> current_database() AND has_database_privilege('public', d.oid, 'CONNECT')
