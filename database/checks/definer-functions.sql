-- severity: severe
-- problem: everybody, or ml_user, may run a function with its owner's rights
-- fix: REVOKE EXECUTE ON FUNCTION … FROM PUBLIC, ml_user
SELECT p.oid::regprocedure::text AS object, 'executable by ' || string_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END, ', ') AS detail
FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE p.prosecdef AND p.pronamespace::regnamespace::text !~ '^(pg_|information_schema)' AND (a.grantee = 0 OR pg_get_userbyid(a.grantee) = 'ml_user')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
GROUP BY p.oid
