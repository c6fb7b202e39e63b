-- severity: warning
-- problem: a table has no primary key: a row cannot be named, nor replicated
-- fix: ALTER TABLE … ADD PRIMARY KEY
SELECT c.oid::regclass::text AS object, 'no primary key' AS detail
FROM pg_class c
-- Those of the queue are as pg-boss makes them.
WHERE c.relkind IN ('r', 'p') AND c.relnamespace::regnamespace::text !~ '^(pg_|information_schema|pgboss)'
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p')
  -- Notes that are only added and consumed: with a key, writers of one customer would wait for each other.
  AND c.oid IS DISTINCT FROM to_regclass('app_schema.user_day_changes')
