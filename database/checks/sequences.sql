-- severity: severe
-- problem: a sequence is near its end; then inserts fail
-- fix: ALTER TABLE … ALTER COLUMN … TYPE bigint and ALTER SEQUENCE … AS bigint, in a quiet hour
SELECT format('%s.%s', s.schemaname, s.sequencename) AS object, format('%s %% used', round(100 * s.used)) AS detail, CASE WHEN s.used < 0.9 THEN 'warning' END AS severity
FROM (
  SELECT p.schemaname, p.sequencename, p.last_value::numeric / CASE WHEN p.increment_by > 0 THEN p.max_value ELSE p.min_value END AS used
  FROM pg_sequences p WHERE NOT p.cycle
) s WHERE s.used >= 0.75
