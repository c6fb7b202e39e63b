-- severity: severe
-- problem: the application logs in with rights that it must not have
-- fix: give APP_DATABASE_URL and ML_DATABASE_URL logins that are neither superuser nor owner, and members of nothing else: app_user, ml_user
-- What another role may, its members may: of none are they members by our scripts. rds_iam is only a way to log in.
SELECT r.rolname AS object, concat_ws(', ', CASE WHEN r.rolsuper THEN 'superuser' END, CASE WHEN r.rolcreaterole THEN 'makes roles' END,
  CASE WHEN r.rolcreatedb THEN 'makes databases' END, CASE WHEN r.rolreplication THEN 'replicates' END, CASE WHEN r.rolbypassrls THEN 'bypasses row security' END,
  (SELECT 'member of ' || string_agg(o.rolname, ', ' ORDER BY o.rolname) FROM pg_roles o
   WHERE o.rolname NOT IN ('app_user', 'ml_user', 'rds_iam')
     AND o.oid <> r.oid AND pg_has_role(r.oid, o.oid, 'MEMBER') AND NOT r.rolsuper),
  (SELECT format('owns %s objects', count(*)) FROM pg_class c WHERE c.relowner = r.oid AND c.relnamespace = 'app_schema'::regnamespace HAVING count(*) > 0)) AS detail
FROM pg_roles r
WHERE r.rolname = ANY (string_to_array(coalesce(nullif(current_setting('customer_analyzer.application_roles', true), ''), 'app_user,ml_user'), ','))
  AND (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
    OR EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid AND c.relnamespace = 'app_schema'::regnamespace)
    OR EXISTS (SELECT FROM pg_roles o WHERE o.oid <> r.oid AND pg_has_role(r.oid, o.oid, 'MEMBER')
      AND o.rolname NOT IN ('app_user', 'ml_user', 'rds_iam')))
