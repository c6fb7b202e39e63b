-- severity: notice
-- problem: two indexes have the same key
-- fix: DROP INDEX CONCURRENTLY one of them
SELECT i.index_name AS object, format('same as %s, %s', i.duplicate_of, pg_size_pretty(i.bytes)) AS detail FROM monitoring.indexes i WHERE i.duplicate_of IS NOT NULL
