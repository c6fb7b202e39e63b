/** All SQL of the demonstration shop. */

export const SOURCE_NAME = 'demo';

/** Two who load or remove at once would trip over each other's half-made rows: one waits for the other. */
export const LOCK = `SELECT pg_advisory_xact_lock(hashtext('customer_analyzer.demo'))`;

export const FIND_SOURCE = 'SELECT source_id FROM app_schema.sources WHERE name = $1';
export const ADD_SOURCE =
  'INSERT INTO app_schema.sources (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING source_id';

/** Written so that the index on (source_id, external_id) answers: IS DISTINCT FROM would read every event. */
export const HAS_PEOPLE =
  'SELECT EXISTS (SELECT FROM app_schema.user_identities WHERE source = $1) AS present';

export const HAS_OTHER_EVENTS = `
  SELECT EXISTS (SELECT FROM app_schema.events WHERE source_id IS NULL)
    OR EXISTS (SELECT FROM app_schema.events WHERE source_id < $1)
    OR EXISTS (SELECT FROM app_schema.events WHERE source_id > $1) AS present`;

/** $2 is the shop's id; '0' follows '/' in the "C" collation of external_id. */
export const HAS_SHOP_EVENTS = `
  SELECT EXISTS (
    SELECT FROM app_schema.events WHERE source_id = $1 AND external_id >= $2 || '/' AND external_id < $2 || '0'
  ) AS present`;

/** Ids of demonstration shops in this database: the part of an identity before the slash. */
export const OTHER_SHOPS = `
  SELECT DISTINCT split_part(external_id, '/', 1) AS shop_id
  FROM app_schema.product_identities
  WHERE source = $1 AND NOT starts_with(external_id, $2 || '/')
  ORDER BY shop_id`;

export const CREATE_STAGED_PEOPLE = `
  CREATE TEMP TABLE staged_people (
    index integer PRIMARY KEY, external_id text COLLATE "C" NOT NULL, telegram_id bigint, first_name text NOT NULL,
    last_name text NOT NULL, username text, registration_date timestamptz NOT NULL, profile_data jsonb NOT NULL,
    user_id integer, is_new boolean NOT NULL DEFAULT false
  ) ON COMMIT DROP`;
export const COPY_PEOPLE = `
  COPY staged_people (index, external_id, telegram_id, first_name, last_name, username, registration_date, profile_data)
  FROM STDIN`;

/** Known people keep their row; the others get an id before they are inserted, so that events can name it. */
export const RESOLVE_PEOPLE = [
  'ANALYZE staged_people',
  `UPDATE staged_people s SET user_id = i.user_id
   FROM app_schema.user_identities i WHERE i.source = $1 AND i.external_id = s.external_id`,
  `UPDATE staged_people SET user_id = nextval(pg_get_serial_sequence('app_schema.users', 'user_id')), is_new = true
   WHERE user_id IS NULL`,
  `INSERT INTO app_schema.users
     (user_id, telegram_id, first_name, last_name, username, registration_date, profile_data)
   SELECT user_id, coalesce(telegram_id, nextval('app_schema.placeholder_telegram_id_seq')), first_name, last_name,
     username, registration_date, profile_data
   FROM staged_people WHERE is_new ORDER BY index`,
  `INSERT INTO app_schema.user_identities (source, external_id, user_id)
   SELECT $1, external_id, user_id FROM staged_people WHERE is_new ORDER BY index`,
];
export const READ_PEOPLE = 'SELECT index, user_id AS id, is_new FROM staged_people ORDER BY index';

export const CREATE_STAGED_PRODUCTS = `
  CREATE TEMP TABLE staged_products (
    index integer PRIMARY KEY, external_id text COLLATE "C" NOT NULL, name text NOT NULL, category text NOT NULL,
    price numeric NOT NULL, description text NOT NULL, attributes jsonb NOT NULL, stock integer NOT NULL,
    is_merchandise boolean NOT NULL, product_id integer, is_new boolean NOT NULL DEFAULT false
  ) ON COMMIT DROP`;
export const COPY_PRODUCTS = `
  COPY staged_products (index, external_id, name, category, price, description, attributes, stock, is_merchandise)
  FROM STDIN`;
export const RESOLVE_PRODUCTS = [
  'ANALYZE staged_products',
  `UPDATE staged_products s SET product_id = i.product_id
   FROM app_schema.product_identities i WHERE i.source = $1 AND i.external_id = s.external_id`,
  `UPDATE staged_products
   SET product_id = nextval(pg_get_serial_sequence('app_schema.products', 'product_id')), is_new = true
   WHERE product_id IS NULL`,
  `INSERT INTO app_schema.products
     (product_id, name, category, price, description, attributes, stock, is_merchandise)
   SELECT product_id, name, category, price, description, attributes, stock, is_merchandise
   FROM staged_products WHERE is_new ORDER BY index`,
  `INSERT INTO app_schema.product_identities (source, external_id, product_id)
   SELECT $1, external_id, product_id FROM staged_products WHERE is_new ORDER BY index`,
];
export const READ_PRODUCTS = 'SELECT index, product_id AS id, is_new FROM staged_products ORDER BY index';

const eventColumns = 'user_id, product_id, event_type, event_timestamp, properties, source_id, external_id';
export const COPY_EVENTS = `COPY app_schema.events (${eventColumns}) FROM STDIN`;
export const CREATE_STAGED_EVENTS = `
  CREATE TEMP TABLE staged_events ON COMMIT DROP AS SELECT ${eventColumns} FROM app_schema.events WITH NO DATA`;
export const COPY_STAGED_EVENTS = `COPY staged_events (${eventColumns}) FROM STDIN`;
export const INSERT_STAGED_EVENTS = `
  INSERT INTO app_schema.events (${eventColumns})
  SELECT ${eventColumns} FROM staged_events
  ON CONFLICT (source_id, external_id) DO NOTHING`;

/** What the demonstration brought, taken down before its events and identities go. */
export const CREATE_REMOVAL_LISTS = [
  `CREATE TEMP TABLE demo_users ON COMMIT DROP AS
   SELECT DISTINCT user_id FROM app_schema.user_identities WHERE source = $1`,
  `CREATE TEMP TABLE demo_products ON COMMIT DROP AS
   SELECT DISTINCT product_id FROM app_schema.product_identities WHERE source = $1`,
];
export const REMOVE_EVENTS = 'DELETE FROM app_schema.events WHERE source_id = $1';
export const REMOVE_USER_IDENTITIES = 'DELETE FROM app_schema.user_identities WHERE source = $1';
export const REMOVE_PRODUCT_IDENTITIES = 'DELETE FROM app_schema.product_identities WHERE source = $1';
/** Scores and recommendations go with them by ON DELETE CASCADE. */
export const REMOVE_USERS = `
  DELETE FROM app_schema.users u USING demo_users d
  WHERE u.user_id = d.user_id
    AND NOT EXISTS (SELECT FROM app_schema.user_identities i WHERE i.user_id = u.user_id)
    AND NOT EXISTS (SELECT FROM app_schema.events e WHERE e.user_id = u.user_id)`;
export const REMOVE_PRODUCTS = `
  DELETE FROM app_schema.products p USING demo_products d
  WHERE p.product_id = d.product_id
    AND NOT EXISTS (SELECT FROM app_schema.product_identities i WHERE i.product_id = p.product_id)
    AND NOT EXISTS (SELECT FROM app_schema.events e WHERE e.product_id = p.product_id)`;
export const COUNT_REMOVAL_LISTS =
  'SELECT (SELECT count(*) FROM demo_users) AS users, (SELECT count(*) FROM demo_products) AS products';

/** What was learnt from invented customers is not to be applied to real ones. */
export const RETIRE_MODELS = "UPDATE app_schema.model_runs SET status = 'retired' WHERE status = 'promoted'";
