/** A bare date means the end of that day in the shop's time zone, which is the start of the next. */
export const END_OF_DAY = 'SELECT app_schema.day_start($1::date + 1) AS moment';
export const LATEST_PURCHASE = `
  SELECT max(event_timestamp) AS moment FROM app_schema.events WHERE event_type = 'purchase' AND user_id IS NOT NULL AND event_timestamp < $1`;

/** NULL where nobody bought. */
export const END_OF_LATEST_PURCHASE = `
  SELECT app_schema.day_start((max(e.event_timestamp) AT TIME ZONE s.time_zone)::date + 1) AS moment
  FROM app_schema.settings s LEFT JOIN app_schema.events e ON e.event_type = 'purchase'
  GROUP BY s.time_zone`;

export const REFRESH_USER_DAYS = 'SELECT app_schema.refresh_user_days()';

/** Near enough for a share of the customers, and at once. */
export const COUNT_CUSTOMERS = `
  SELECT greatest(reltuples, 0)::bigint AS customers FROM pg_catalog.pg_class WHERE oid = 'app_schema.users'::regclass`;

/**
 * Days lie in the order of customers, and so do the answers: grouped in that order nothing is hashed, spilt and sorted again, as the planner, who
 * counts on 200 customers, would have it. 200,000 customers with 1,100,000 days: 3.6 s in place of 5.0, with more memory alone 4.2.
 */
export const GROUP_IN_ORDER = "SET LOCAL enable_hashagg = off; SET LOCAL work_mem = '128MB'";
// COPY takes no parameters, so the server itself formats them into the statement as literals.
/**
 * $2 lists columns of the function as double precision: names of our own, never input. $3 is the share of customers, drawn by a hash of
 * the id (customer-sample.ts has it, too); $4 are the only ones that are read, NULL for everybody.
 */
export const FORMAT_FEATURES = `
  SELECT format($sql$
    COPY (
      SELECT user_id::double precision, %2$s FROM app_schema.get_customer_features(%1$L, %4$L)
      WHERE %3$L::double precision >= 1 OR user_id * 2654435761 %% 4294967296 < %3$L::double precision * 4294967296
    ) TO STDOUT (FORMAT binary)
  $sql$, $1::timestamptz, $2::text, $3::double precision, $4::integer[]) AS sql`;

/** What customers did from $1 up to but not including $2: net revenue of those who bought or returned, and whether they bought. */
export const FORMAT_OUTCOMES = `
  SELECT format($sql$
    COPY (
      SELECT user_id::double precision, bought::integer::double precision, revenue::double precision
      FROM app_schema.get_customer_outcomes(%L, %L)
      ORDER BY user_id
    ) TO STDOUT (FORMAT binary)
  $sql$, $1::timestamptz, $2::timestamptz) AS sql`;

/** The run whose rows are the published ones. */
export const LAST_SCORING = `
  SELECT model_run_id, as_of, code_version, parameters, customers FROM app_schema.model_runs
  WHERE kind = 'scoring' ORDER BY model_run_id DESC LIMIT 1`;
export const READ_NOTES = `
  COPY (SELECT note_id::double precision, user_id::double precision FROM app_schema.user_score_changes) TO STDOUT (FORMAT binary)`;
/** Of all but those whose rows may be out of date, or may have been edited into anything. */
export const READ_STANDINGS = `
  COPY (
    SELECT m.user_id::double precision, m.segment_id::double precision, m.purchase_probability_30d::double precision,
      m.churn_probability::double precision, (d.explanation -> 'orders')::double precision,
      (d.explanation -> 'historic_revenue')::double precision, (d.explanation -> 'days_since_last_purchase')::double precision,
      (d.explanation -> 'days_since_first_purchase')::double precision, (d.explanation -> 'predicted_revenue')::double precision
    FROM app_schema.user_metrics m JOIN app_schema.user_score_details d ON d.user_id = m.user_id
    WHERE NOT EXISTS (SELECT FROM app_schema.user_score_changes c WHERE c.user_id = m.user_id)
    ORDER BY m.user_id
  ) TO STDOUT (FORMAT binary)`;

export const TRY_LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('customer-analyzer score')) AS locked";
/** With the moment of the latest training, also of one that was not promoted. */
export const CHAMPION = `
  SELECT c.*, (
    SELECT max(r.as_of) FROM app_schema.model_runs r WHERE r.kind = $1 AND r.status <> 'retired' AND r.as_of <= $2
  ) AS last_trained
  FROM app_schema.get_champion($1, $2) c`;
export const PROMOTE_MODEL = 'SELECT app_schema.promote_model($1)';
export const RECORD_TRAINING = `
  INSERT INTO app_schema.model_runs
    (kind, as_of, code_version, parameters, evaluation, algorithm, model, data_from, customers, duration_seconds, status)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'challenger') RETURNING model_run_id`;
export const DEMOTE_SEGMENTS = `
  UPDATE app_schema.segments SET is_promoted = false WHERE is_promoted AND segment_id <> ALL ($1)`;
export const UPSERT_SEGMENT = `
  INSERT INTO app_schema.segments AS t (segment_id, code, name_en, name_ru, description_en, description_ru)
  VALUES ($1, $2, $3, $4, $5, $6) -- promoted by default
  ON CONFLICT (segment_id) DO UPDATE SET code = excluded.code, name_en = excluded.name_en, name_ru = excluded.name_ru,
    description_en = excluded.description_en, description_ru = excluded.description_ru, is_promoted = true
    WHERE (t.*) IS DISTINCT FROM (excluded.*)`;
/** What is said of the whole run is known after its rows, which name it. */
export const NEXT_RUN = `
  SELECT nextval(pg_get_serial_sequence('app_schema.model_runs', 'model_run_id'))::integer AS model_run_id`;
export const RECORD_RUN = `
  INSERT INTO app_schema.model_runs (model_run_id, kind, as_of, code_version, parameters, evaluation, customers, finished_at)
  OVERRIDING SYSTEM VALUE VALUES ($1, 'scoring', $2, $3, $4, $5, $6, clock_timestamp())`;
export const CREATE_STAGING = `
  CREATE TEMP TABLE staged_scores (
    user_id integer, segment_id integer, ltv numeric, churn_probability real, purchase_probability_30d real,
    ltv_status text, churn_status text, purchase_status text, explanation jsonb
  ) ON COMMIT DROP`;
/** Rows that a scoring writes are as they should be: no trigger notes them. */
export const SAY_PUBLISHING = "SELECT set_config('customer_analyzer.publishing', 'on', true)";
/** Tables that nobody has counted yet look empty, and a nested loop over 20,000 customers and as many would take a minute. */
export const JOIN_BY_HASH = 'SET LOCAL enable_nestloop = off';
/** Of few customers each row is looked up: a hash would read the rows of all. */
export const JOIN_BY_INDEX = 'SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off';
export const COPY_SCORES = 'COPY staged_scores FROM STDIN';
export const DELETE_SCORES = 'DELETE FROM app_schema.user_metrics WHERE user_id = ANY ($1::integer[])';
/** Who was not scored again, and stands elsewhere among the others. */
export const MOVE_TO_SEGMENTS = `
  UPDATE app_schema.user_metrics m SET segment_id = s.segment_id, last_updated = now()
  FROM unnest($1::integer[], $2::integer[]) s (user_id, segment_id) WHERE m.user_id = s.user_id`;
export const CONSUME_NOTES = `
  DELETE FROM app_schema.user_score_changes c USING unnest($1::integer[], $2::bigint[]) n (user_id, note_id)
  WHERE c.user_id = n.user_id AND c.note_id = n.note_id`;
export const NOTE_EVERYBODY = 'INSERT INTO app_schema.user_score_changes (user_id) VALUES (0)';
/**
 * Publishes the staged customers, all of them after $2 up to $3, for the run $1. What has not changed is found by a join and left alone:
 * ON CONFLICT DO UPDATE … WHERE would lock, and so write, each row before it finds that nothing changed. Where $4, everybody was looked at: who
 * is not staged has no scores any more, and the details go by the trigger of user_metrics.
 */
export const PUBLISH_STAGED = `
  WITH gone AS (
    DELETE FROM app_schema.user_metrics m
    WHERE $4 AND m.user_id > $2 AND m.user_id <= $3 AND NOT EXISTS (SELECT FROM staged_scores s WHERE s.user_id = m.user_id)
  ), changed_metrics AS (
    UPDATE app_schema.user_metrics m
    SET segment_id = s.segment_id, ltv = s.ltv, churn_probability = s.churn_probability,
      purchase_probability_30d = s.purchase_probability_30d, last_updated = now()
    FROM staged_scores s
    WHERE m.user_id > $2 AND m.user_id <= $3 AND s.user_id = m.user_id
      AND (m.segment_id, m.ltv, m.churn_probability, m.purchase_probability_30d)
        IS DISTINCT FROM (s.segment_id, s.ltv, s.churn_probability, s.purchase_probability_30d)
  ), changed_details AS (
    UPDATE app_schema.user_score_details d
    SET model_run_id = $1, ltv_status = s.ltv_status, churn_status = s.churn_status, purchase_status = s.purchase_status,
      explanation = s.explanation
    FROM staged_scores s
    WHERE d.user_id > $2 AND d.user_id <= $3 AND s.user_id = d.user_id
      AND (d.ltv_status, d.churn_status, d.purchase_status, d.explanation)
        IS DISTINCT FROM (s.ltv_status, s.churn_status, s.purchase_status, s.explanation)
  ), new_metrics AS (
    INSERT INTO app_schema.user_metrics (user_id, segment_id, ltv, churn_probability, purchase_probability_30d, last_updated)
    SELECT s.user_id, s.segment_id, s.ltv, s.churn_probability, s.purchase_probability_30d, now()
    FROM staged_scores s
    ON CONFLICT (user_id) DO NOTHING
  )
  INSERT INTO app_schema.user_score_details (user_id, model_run_id, ltv_status, churn_status, purchase_status, explanation)
  SELECT s.user_id, $1, s.ltv_status, s.churn_status, s.purchase_status, s.explanation
  FROM staged_scores s
  ON CONFLICT (user_id) DO NOTHING`;
export const CLEAR_STAGING = 'TRUNCATE staged_scores';
