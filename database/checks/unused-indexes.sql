-- severity: notice
-- problem: an index is written and never read
-- fix: DROP INDEX CONCURRENTLY, after a look at a month of statistics and at standbys
SELECT i.index_name AS object, format('%s, on %s', pg_size_pretty(i.bytes), i.table_name) AS detail FROM monitoring.indexes i WHERE i.is_unused
