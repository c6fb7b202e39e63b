import pg from 'pg';

/** Who may do what, in an order that does not depend on the order of the grants; the superuser's name is not part of it. */
const acl = (expression: string): string => `ARRAY(
  SELECT concat_ws(' ', coalesce(CASE WHEN g.rolsuper THEN 'superuser' ELSE g.rolname END, 'PUBLIC'), a.privilege_type,
    CASE WHEN a.is_grantable THEN 'grantable' END, 'by', CASE WHEN b.rolsuper THEN 'superuser' ELSE b.rolname END)
  FROM aclexplode(${expression}) a LEFT JOIN pg_roles g ON g.oid = a.grantee JOIN pg_roles b ON b.oid = a.grantor ORDER BY 1)`;
const owner = (column: string): string =>
  `(SELECT CASE WHEN rolsuper THEN 'superuser' ELSE rolname END FROM pg_roles WHERE oid = ${column})`;
const ours = (column: string): string =>
  `${column}::regnamespace::text IN ('app_schema', 'maintenance', 'compatibility', 'extensions', 'public')`;
const isMember = (catalogue: string, column: string): string =>
  `EXISTS (SELECT FROM pg_depend d WHERE d.classid = '${catalogue}'::regclass AND d.objid = ${column} AND d.deptype = 'e')`;

const queries: Record<string, string> = {
  database: `SELECT ${owner('datdba')} AS owner, ${acl('datacl')} AS acl, ARRAY(SELECT concat_ws(' ', r.rolname, c)
    FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS c LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE s.setdatabase = d.oid ORDER BY 1) AS settings FROM pg_database d WHERE datname = current_database()`,
  otherDatabases: `SELECT datname, has_database_privilege('public', oid, 'CONNECT') AS open FROM pg_database
    WHERE datname IN ('postgres', 'template1') ORDER BY 1`,
  roles: `SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconfig,
    shobj_description(oid, 'pg_authid') AS comment, ARRAY(SELECT m.roleid::regrole::text FROM pg_auth_members m WHERE m.member = r.oid ORDER BY 1) AS memberships
    FROM pg_roles r WHERE rolname IN ('app_user', 'ml_user', 'admin_user', 'customer_analyzer_owner') ORDER BY 1`,
  schemas: `SELECT nspname, ${owner('nspowner')} AS owner, ${acl('nspacl')} AS acl, obj_description(oid, 'pg_namespace') AS comment
    FROM pg_namespace WHERE ${ours('oid')} ORDER BY 1`,
  relations: `SELECT oid::regclass::text AS name, relkind, ${owner('relowner')} AS owner, ${acl('relacl')} AS acl, obj_description(oid, 'pg_class') AS comment,
    CASE relkind WHEN 'i' THEN pg_get_indexdef(oid) WHEN 'v' THEN pg_get_viewdef(oid) END AS definition, ${isMember('pg_class', 'oid')} AS member
    FROM pg_class WHERE ${ours('relnamespace')} ORDER BY 1`,
  columns: `SELECT attrelid::regclass::text AS name, attname, format_type(atttypid, atttypmod) AS type, attnotnull, attidentity,
    pg_get_expr(adbin, adrelid) AS value, col_description(attrelid, attnum) AS comment
    FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid LEFT JOIN pg_attrdef f ON f.adrelid = attrelid AND f.adnum = attnum
    WHERE ${ours('relnamespace')} AND attnum > 0 AND NOT attisdropped ORDER BY 1, attnum`,
  constraints: `SELECT conrelid::regclass::text AS name, conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
    WHERE ${ours('connamespace')} ORDER BY 1, 2`,
  functions: `SELECT oid::regprocedure::text AS name, ${owner('proowner')} AS owner, ${acl('proacl')} AS acl, pg_get_functiondef(oid) AS definition,
    obj_description(oid, 'pg_proc') AS comment, ${isMember('pg_proc', 'oid')} AS member FROM pg_proc WHERE ${ours('pronamespace')} ORDER BY 1`,
  largeObjects: `SELECT oid::regprocedure::text AS name, ${acl('proacl')} AS acl FROM pg_proc
    WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ '^lo_' ORDER BY 1`,
  defaults: `SELECT ${owner('defaclrole')} AS creator, coalesce(defaclnamespace::regnamespace::text, '') AS schema, defaclobjtype, ${acl('defaclacl')} AS acl
    FROM pg_default_acl ORDER BY 1, 2, 3`,
  extensions:
    'SELECT extname, extversion, extnamespace::regnamespace::text AS schema FROM pg_extension ORDER BY 1',
  shop: 'SELECT * FROM app_schema.settings',
  sequences: "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'app_schema' ORDER BY 1",
};

export type Catalogue = Record<string, Record<string, unknown>[]>;

/** All that set-up scripts decide about a database, in a form that can be compared between databases and servers. */
export async function readCatalogue(url: string): Promise<Catalogue> {
  const client = new pg.Client({ connectionString: url, options: '-c search_path=pg_catalog' });
  await client.connect();
  try {
    const catalogue: Catalogue = {};
    for (const [name, sql] of Object.entries(queries))
      catalogue[name] = (await client.query(sql)).rows.map(inTheSameWords);
    return catalogue;
  } finally {
    await client.end();
  }
}

/** PostgreSQL writes `varchar IN (…)` in other words once it has been through a dump. */
function inTheSameWords(row: Record<string, unknown>): Record<string, unknown> {
  const { definition } = row;
  if (typeof definition !== 'string') return row;
  return {
    ...row,
    definition: definition
      .replaceAll(/\(ARRAY\[([^\]]*)\]\)::text\[\]/g, 'ARRAY[$1]')
      .replaceAll(/\(('[^']*'::character varying)\)::text/g, '$1'),
  };
}

/** The ledger of migrations is the runner's own; the init scripts know nothing of it. */
export function withoutLedger(catalogue: Catalogue): Catalogue {
  return Object.fromEntries(
    Object.entries(catalogue).map(([name, rows]) => [
      name,
      rows.filter((row) => !String(row['name']).startsWith('maintenance.migrations')),
    ]),
  );
}
