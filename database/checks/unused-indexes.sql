-- severity: notice
-- problem: an index was written for a month and never read
-- fix: DROP INDEX CONCURRENTLY, after a look at standbys, whose statistics are their own
SELECT i.index_name AS object, format('%s, on %s', pg_size_pretty(i.bytes), i.table_name) AS detail
FROM monitoring.indexes i, pg_stat_database d
WHERE i.is_unused AND d.datname = current_database()
  -- A shorter look would condemn what serves the report of each month.
  AND greatest(d.stats_reset, (SELECT min(applied_at) FROM maintenance.migrations)) < now() - interval '30 days'
