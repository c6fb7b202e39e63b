-- severity: severe
-- problem: this minor version has security holes that are publicly known
-- fix: install the newest minor release of the same major; it needs a restart and no dump
-- As of 2026-05-14: https://www.postgresql.org/support/security/ — the releases of that day fixed 11 of them (CVE-2026-6473 and others).
SELECT 'PostgreSQL ' || current_setting('server_version') AS object, format('%s.%s fixed what is known since 2026-05-14', v.major, v.minor) AS detail
FROM (VALUES (15, 18), (16, 14), (17, 10), (18, 4)) v (major, minor)
WHERE current_setting('server_version_num')::integer / 10000 = v.major AND current_setting('server_version_num')::integer % 10000 < v.minor
UNION ALL
SELECT 'PostgreSQL ' || current_setting('server_version'), 'this major gets no fixes any more' WHERE current_setting('server_version_num')::integer < 150000
