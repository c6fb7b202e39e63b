-- severity: severe
-- problem: a function runs with another's rights, or is called by superusers, and its search_path can be changed by the caller
-- fix: ALTER FUNCTION … SET search_path = pg_catalog, pg_temp, and name schemas in its body
SELECT p.oid::regprocedure::text AS object, CASE WHEN p.prosecdef THEN 'SECURITY DEFINER' ELSE 'called by superusers' END AS detail
FROM pg_proc p
WHERE p.pronamespace::regnamespace::text !~ '^(pg_|information_schema)' AND (p.prosecdef OR p.pronamespace::regnamespace::text IN ('maintenance', 'monitoring'))
  AND NOT EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s LIKE 'search_path=%')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
