/** Reading is done by the SQL functions that every door shares; nothing is computed here. */

export const GET_USER = 'SELECT * FROM app_schema.get_user($1)';
export const EXPLAIN_USER = 'SELECT * FROM app_schema.explain_user($1, $2)';
export const GET_USER_STATS = 'SELECT * FROM app_schema.get_user_stats($1, $2)';
export const LIST_SEGMENTS = 'SELECT * FROM app_schema.list_segments()';
export const GET_TOP_PRODUCTS = 'SELECT * FROM app_schema.get_top_products($1, $2, $3)';
export const GET_LATEST_RUN = 'SELECT * FROM app_schema.get_latest_run($1)';
export const LIST_MODELS = 'SELECT * FROM app_schema.list_models($1, $2)';
export const GET_MODEL_RUN = `
  SELECT r.*, CASE WHEN r.model_run_id = (SELECT c.model_run_id FROM app_schema.get_champion(r.kind) c) THEN 'champion' ELSE r.status END AS status
  FROM app_schema.model_runs r WHERE r.model_run_id = $1`;
export const GET_REALISED_OUTCOMES = 'SELECT * FROM app_schema.get_realised_outcomes($1)';
export const PROMOTE_MODEL = 'SELECT app_schema.promote_model($1) AS kind';
export const GET_SHOP = 'SELECT time_zone, currency FROM app_schema.settings';
/** The month up to the latest event before the moment $1: what a reader who names no period wants to see, also of old data. */
export const GET_LATEST_PERIOD = `
  SELECT ((newest AT TIME ZONE s.time_zone)::date - 29)::text AS start_date, (newest AT TIME ZONE s.time_zone)::date::text AS end_date
  FROM app_schema.settings s,
    (SELECT max(m) AS newest FROM (VALUES ('view'), ('add_to_cart'), ('purchase')) t (event_type)
     CROSS JOIN LATERAL (SELECT max(e.event_timestamp) AS m FROM app_schema.events e WHERE e.event_type = t.event_type AND e.event_timestamp <= $1) x) n
  WHERE newest IS NOT NULL`;
export const GET_LAST_DAYS = `
  SELECT (app_schema.day_of($1::timestamptz) - 29)::text AS start_date, app_schema.day_of($1::timestamptz)::text AS end_date`;
export const FIND_USERS = 'SELECT * FROM app_schema.find_users($1, $2, $3, $4, $5)';
export const GET_USER_TIMELINE = 'SELECT * FROM app_schema.get_user_timeline($1, $2, $3)';
export const LIST_PRODUCTS = 'SELECT * FROM app_schema.list_products($1, $2, $3, $4)';
export const GET_OVERVIEW = 'SELECT * FROM app_schema.get_overview($1, $2)';
/** Days as text: node-postgres would make moments of the process's time zone of them. */
export const GET_REVENUE_SERIES = `
  SELECT start_date::text, end_date::text, revenue, orders, buyers, active_customers FROM app_schema.get_revenue_series($1, $2, $3)`;
