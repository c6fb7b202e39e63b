-- severity: warning
-- problem: what this role creates in app_schema is granted to nobody, or its functions to PUBLIC
-- fix: run database/init/01-init-db.sql as that role, or ALTER DEFAULT PRIVILEGES FOR ROLE … as it does
SELECT r.rolname AS object, concat_ws(', ',
  CASE WHEN NOT EXISTS (SELECT FROM pg_default_acl d WHERE d.defaclrole = r.oid AND d.defaclnamespace = 'app_schema'::regnamespace AND d.defaclobjtype = 'r') THEN 'tables without grants' END,
  CASE WHEN NOT EXISTS (SELECT FROM pg_default_acl d WHERE d.defaclrole = r.oid AND d.defaclnamespace = 0 AND d.defaclobjtype = 'f') THEN 'functions open to PUBLIC' END) AS detail
FROM pg_roles r
WHERE (EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid AND c.relnamespace = 'app_schema'::regnamespace)
    OR (NOT r.rolsuper AND r.rolname !~ '^pg_' AND has_schema_privilege(r.oid, 'app_schema', 'CREATE')))
  AND NOT (EXISTS (SELECT FROM pg_default_acl d WHERE d.defaclrole = r.oid AND d.defaclnamespace = 'app_schema'::regnamespace AND d.defaclobjtype = 'r')
    AND EXISTS (SELECT FROM pg_default_acl d WHERE d.defaclrole = r.oid AND d.defaclnamespace = 0 AND d.defaclobjtype = 'f'))
