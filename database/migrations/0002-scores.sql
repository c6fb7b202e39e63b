-- What scoring reads and where its results live.

CREATE TABLE app_schema.segments (
  segment_id     integer PRIMARY KEY,
  code           text NOT NULL UNIQUE,
  name_en        text NOT NULL,
  name_ru        text NOT NULL,
  description_en text NOT NULL,
  description_ru text NOT NULL
);
COMMENT ON TABLE app_schema.segments IS 'Names of the promoted segmentation; user_metrics.segment_id points here';
ALTER TABLE app_schema.user_metrics
  ADD CONSTRAINT user_metrics_segment_id_fkey FOREIGN KEY (segment_id) REFERENCES app_schema.segments (segment_id);
-- The foreign key, list_users by segment, list_segments.
CREATE INDEX idx_user_metrics_segment_id ON app_schema.user_metrics (segment_id);

CREATE TABLE app_schema.model_runs (
  model_run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind         text NOT NULL,
  as_of        timestamptz NOT NULL,
  code_version text NOT NULL,
  finished_at  timestamptz NOT NULL DEFAULT now(),
  parameters   jsonb NOT NULL,
  evaluation   jsonb NOT NULL
);
COMMENT ON TABLE app_schema.model_runs IS 'Each published run: what it fitted, and how it did at an earlier cut-off beside a naive baseline';
COMMENT ON COLUMN app_schema.model_runs.as_of IS 'Events at or after this moment were not used';
-- get_latest_run: the newest run of a kind.
CREATE INDEX idx_model_runs_kind ON app_schema.model_runs (kind, model_run_id);

CREATE TABLE app_schema.user_score_details (
  user_id         integer PRIMARY KEY REFERENCES app_schema.users (user_id) ON DELETE CASCADE,
  model_run_id    bigint NOT NULL REFERENCES app_schema.model_runs (model_run_id),
  ltv_status      text NOT NULL,
  churn_status    text NOT NULL,
  purchase_status text NOT NULL,
  explanation     jsonb NOT NULL
);
COMMENT ON TABLE app_schema.user_score_details IS 'Beside user_metrics: which run, ok or insufficient_data, and the numbers behind each score';
-- The foreign key.
CREATE INDEX idx_user_score_details_model_run_id ON app_schema.user_score_details (model_run_id);

CREATE FUNCTION app_schema.get_customer_snapshot(p_as_of timestamptz)
RETURNS TABLE (
  user_id integer, frequency integer, recency_days integer, t_days integer, monetary_value double precision, orders integer,
  gross_revenue numeric, refunds numeric
)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  WITH shop AS (
    SELECT s.time_zone, ((p_as_of - interval '1 microsecond') AT TIME ZONE s.time_zone)::date AS as_of_day FROM app_schema.settings s
  ), days AS (
    SELECT e.user_id, (e.event_timestamp AT TIME ZONE shop.time_zone)::date AS day,
      coalesce(sum(app_schema.event_revenue(e.event_type, e.properties)), 0) AS spend,
      count(DISTINCT app_schema.order_key(e.properties, e.event_id)) AS orders
    FROM app_schema.events e CROSS JOIN shop
    WHERE e.event_type = 'purchase' AND e.user_id IS NOT NULL AND e.event_timestamp < p_as_of
    GROUP BY e.user_id, (e.event_timestamp AT TIME ZONE shop.time_zone)::date
  ), buyers AS (
    SELECT d.user_id, count(*) AS days, min(d.day) AS first_day, max(d.day) AS last_day, sum(d.spend) AS spend,
      (array_agg(d.spend ORDER BY d.day))[1] AS first_spend, sum(d.orders) AS orders
    FROM days d
    GROUP BY d.user_id
  ), returned AS (
    SELECT e.user_id, -sum(app_schema.event_revenue(e.event_type, e.properties)) AS refunds
    FROM app_schema.events e
    WHERE e.event_type = 'refund' AND e.user_id IS NOT NULL AND e.event_timestamp < p_as_of
    GROUP BY e.user_id
  )
  SELECT b.user_id, (b.days - 1)::integer, b.last_day - b.first_day, shop.as_of_day - b.first_day,
    coalesce(((b.spend - b.first_spend) / nullif(b.days - 1, 0))::double precision, 0), b.orders::integer, b.spend, coalesce(r.refunds, 0)
  FROM buyers b CROSS JOIN shop LEFT JOIN returned r ON r.user_id = b.user_id
  ORDER BY b.user_id
$function$;
COMMENT ON FUNCTION app_schema.get_customer_snapshot(timestamptz) IS
  'What the purchase models see of each customer who bought before p_as_of: frequency (repeat purchase days), recency_days and t_days (since the first purchase day, in whole days of the shop), monetary_value (mean spend of a repeat day), orders, revenue before refunds, refunds';

CREATE FUNCTION app_schema.get_user(p_user_id integer)
RETURNS TABLE (
  user_id integer, telegram_id bigint, username varchar, first_name varchar, last_name varchar, registration_date timestamptz, profile_data jsonb,
  segment_code text, segment_name_en text, segment_name_ru text, ltv numeric, ltv_status text, churn_probability real, churn_status text,
  purchase_probability_30d real, purchase_status text, explanation jsonb, as_of timestamptz, last_updated timestamptz
)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT u.user_id, u.telegram_id, u.username, u.first_name, u.last_name, u.registration_date, u.profile_data,
    s.code, s.name_en, s.name_ru, m.ltv, coalesce(d.ltv_status, 'not_scored'), m.churn_probability, coalesce(d.churn_status, 'not_scored'),
    m.purchase_probability_30d, coalesce(d.purchase_status, 'not_scored'), d.explanation, r.as_of, m.last_updated
  FROM app_schema.users u
  LEFT JOIN app_schema.user_metrics m ON m.user_id = u.user_id
  LEFT JOIN app_schema.segments s ON s.segment_id = m.segment_id
  LEFT JOIN app_schema.user_score_details d ON d.user_id = u.user_id
  LEFT JOIN app_schema.model_runs r ON r.model_run_id = d.model_run_id
  WHERE u.user_id = p_user_id
$function$;
COMMENT ON FUNCTION app_schema.get_user(integer) IS 'One customer: profile, scores with their status, the numbers behind them. No row for an unknown customer';

CREATE FUNCTION app_schema.list_users(p_limit integer DEFAULT 50, p_after_user_id integer DEFAULT 0, p_segment text DEFAULT NULL)
RETURNS TABLE (
  user_id integer, telegram_id bigint, username varchar, first_name varchar, last_name varchar, segment_code text, segment_name_en text,
  segment_name_ru text, ltv numeric, churn_probability real, purchase_probability_30d real, last_updated timestamptz
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  IF p_segment IS NOT NULL AND NOT EXISTS (SELECT FROM app_schema.segments s WHERE s.code = p_segment) THEN
    RAISE EXCEPTION 'there is no segment "%"', p_segment
      USING ERRCODE = 'CA002', HINT = 'SELECT * FROM app_schema.list_segments() shows the codes; before the first scoring there are none.';
  END IF;
  RETURN QUERY
    SELECT u.user_id, u.telegram_id, u.username, u.first_name, u.last_name, s.code, s.name_en, s.name_ru, m.ltv, m.churn_probability,
      m.purchase_probability_30d, m.last_updated
    FROM app_schema.users u
    LEFT JOIN app_schema.user_metrics m ON m.user_id = u.user_id
    LEFT JOIN app_schema.segments s ON s.segment_id = m.segment_id
    WHERE u.user_id > coalesce(p_after_user_id, 0) AND (p_segment IS NULL OR s.code = p_segment)
    ORDER BY u.user_id
    LIMIT p_limit;
END
$function$;
COMMENT ON FUNCTION app_schema.list_users(integer, integer, text) IS
  'A page of customers with their scores by user_id: p_after_user_id is the last id of the page before, p_segment a segment''s code';

CREATE FUNCTION app_schema.list_segments()
RETURNS TABLE (
  segment_id integer, code text, name_en text, name_ru text, description_en text, description_ru text, customers bigint, share numeric,
  mean_ltv numeric, mean_churn_probability numeric, mean_purchase_probability_30d numeric
)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT s.segment_id, s.code, s.name_en, s.name_ru, s.description_en, s.description_ru, count(m.user_id),
    round(count(m.user_id) / nullif(sum(count(m.user_id)) OVER (), 0), 4), round(avg(m.ltv), 2),
    round(avg(m.churn_probability::numeric), 4), round(avg(m.purchase_probability_30d::numeric), 4)
  FROM app_schema.segments s
  LEFT JOIN app_schema.user_metrics m ON m.segment_id = s.segment_id
  GROUP BY s.segment_id
  ORDER BY s.segment_id
$function$;
COMMENT ON FUNCTION app_schema.list_segments() IS 'Segments with their size, share and mean scores';

CREATE FUNCTION app_schema.get_latest_run(p_kind text DEFAULT 'scoring')
RETURNS TABLE (model_run_id bigint, kind text, as_of timestamptz, code_version text, finished_at timestamptz, parameters jsonb, evaluation jsonb)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT r.model_run_id, r.kind, r.as_of, r.code_version, r.finished_at, r.parameters, r.evaluation
  FROM app_schema.model_runs r
  WHERE r.kind = p_kind
  ORDER BY r.model_run_id DESC
  LIMIT 1
$function$;
COMMENT ON FUNCTION app_schema.get_latest_run(text) IS 'The newest run (scoring or recommendations): parameters and evaluation beside the naive baseline';
