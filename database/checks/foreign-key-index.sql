-- severity: warning
-- problem: a foreign key has no index: deleting what it points to reads the whole table
-- fix: CREATE INDEX CONCURRENTLY on its columns
SELECT k.conrelid::regclass::text AS object, pg_get_constraintdef(k.oid) AS detail
FROM pg_constraint k
-- Those of the queue are as pg-boss makes them.
WHERE k.contype = 'f' AND k.connamespace::regnamespace::text !~ '^(pg_|pgboss)'
  AND NOT EXISTS (
    SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indisvalid AND i.indpred IS NULL
      AND (SELECT array_agg(a ORDER BY a) FROM unnest((i.indkey::smallint[])[0:cardinality(k.conkey) - 1]) a) = (SELECT array_agg(a ORDER BY a) FROM unnest(k.conkey) a))
