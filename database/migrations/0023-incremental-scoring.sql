-- Scoring again after few new events looks at the customers whom they touched, and leaves the rows of all others. See docs/adr/0017-incremental-scoring.md.

CREATE TABLE app_schema.user_score_changes (
  user_id integer NOT NULL,
  note_id bigint GENERATED ALWAYS AS IDENTITY,
  PRIMARY KEY (user_id, note_id)
);
COMMENT ON TABLE app_schema.user_score_changes IS
  'Customers whose published scores may not be what a full scoring would give: their days were folded again since, or somebody touched the rows. The scoring that saw a note consumes it';
COMMENT ON COLUMN app_schema.user_score_changes.note_id IS 'By which a scoring consumes what it saw, and no note that came since';
COMMENT ON COLUMN app_schema.user_score_changes.user_id IS '0 stands for everybody';

CREATE FUNCTION app_schema.note_changed_scores() RETURNS trigger
LANGUAGE plpgsql SECURITY INVOKER
AS $function$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    INSERT INTO app_schema.user_score_changes (user_id) SELECT c.user_id FROM changed_scores c UNION SELECT c.user_id FROM scores_as_changed c;
  ELSE
    INSERT INTO app_schema.user_score_changes (user_id) SELECT c.user_id FROM changed_scores c;
  END IF;
  RETURN NULL;
END
$function$;
COMMENT ON FUNCTION app_schema.note_changed_scores() IS 'Trigger: whose scores somebody else than a scoring wrote or deleted is scored again';

CREATE FUNCTION app_schema.note_all_scores() RETURNS trigger
LANGUAGE plpgsql SECURITY INVOKER
AS $function$
BEGIN
  INSERT INTO app_schema.user_score_changes (user_id) VALUES (0);
  RETURN NULL;
END
$function$;
COMMENT ON FUNCTION app_schema.note_all_scores() IS 'Trigger: everybody is scored again';

-- A scoring says in its transaction that it is one: it writes what it has just worked out.
CREATE TRIGGER user_metrics_inserted_by_hand AFTER INSERT ON app_schema.user_metrics REFERENCING NEW TABLE AS changed_scores
  FOR EACH STATEMENT WHEN (current_setting('customer_analyzer.publishing', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION app_schema.note_changed_scores();
CREATE TRIGGER user_metrics_updated_by_hand AFTER UPDATE ON app_schema.user_metrics REFERENCING OLD TABLE AS changed_scores NEW TABLE AS scores_as_changed
  FOR EACH STATEMENT WHEN (current_setting('customer_analyzer.publishing', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION app_schema.note_changed_scores();
CREATE TRIGGER user_metrics_deleted_by_hand AFTER DELETE ON app_schema.user_metrics REFERENCING OLD TABLE AS changed_scores
  FOR EACH STATEMENT WHEN (current_setting('customer_analyzer.publishing', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION app_schema.note_changed_scores();
CREATE TRIGGER user_metrics_truncated AFTER TRUNCATE ON app_schema.user_metrics
  FOR EACH STATEMENT EXECUTE FUNCTION app_schema.note_all_scores();
CREATE TRIGGER score_details_inserted_by_hand AFTER INSERT ON app_schema.user_score_details REFERENCING NEW TABLE AS changed_scores
  FOR EACH STATEMENT WHEN (current_setting('customer_analyzer.publishing', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION app_schema.note_changed_scores();
CREATE TRIGGER score_details_updated_by_hand AFTER UPDATE ON app_schema.user_score_details REFERENCING OLD TABLE AS changed_scores NEW TABLE AS scores_as_changed
  FOR EACH STATEMENT WHEN (current_setting('customer_analyzer.publishing', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION app_schema.note_changed_scores();
CREATE TRIGGER score_details_deleted_by_hand AFTER DELETE ON app_schema.user_score_details REFERENCING OLD TABLE AS changed_scores
  FOR EACH STATEMENT WHEN (current_setting('customer_analyzer.publishing', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION app_schema.note_changed_scores();
CREATE TRIGGER score_details_truncated AFTER TRUNCATE ON app_schema.user_score_details
  FOR EACH STATEMENT EXECUTE FUNCTION app_schema.note_all_scores();
-- Without the latest run its rows would pass for those of the run before it.
CREATE TRIGGER model_runs_deleted AFTER DELETE ON app_schema.model_runs
  FOR EACH STATEMENT EXECUTE FUNCTION app_schema.note_all_scores();
CREATE TRIGGER model_runs_truncated AFTER TRUNCATE ON app_schema.model_runs
  FOR EACH STATEMENT EXECUTE FUNCTION app_schema.note_all_scores();

INSERT INTO privacy.rules (place, table_name, erase_sql, export_sql) VALUES
  -- After user_score_details and user_metrics, whose triggers note who is gone.
  (55, 'app_schema.user_score_changes', 'DELETE FROM app_schema.user_score_changes WHERE user_id = $1',
    'SELECT DISTINCT user_id FROM app_schema.user_score_changes WHERE user_id = $1');

-- The zone is read once and not by day_start() twice a day: 18,000 noted days of 2,000,000 events are folded in 0.33 s in place of 0.41.
CREATE OR REPLACE FUNCTION app_schema.fold_day(p_user_id integer, p_day date, p_from timestamptz, p_until timestamptz) RETURNS SETOF app_schema.user_days
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT f.user_id, f.day, count(*)::integer, (count(*) FILTER (WHERE f.event_type = 'purchase'))::integer,
    count(DISTINCT f.order_key)::integer, coalesce(sum(f.revenue) FILTER (WHERE f.event_type = 'purchase'), 0),
    (count(*) FILTER (WHERE f.event_type = 'refund'))::integer, coalesce(-sum(f.revenue) FILTER (WHERE f.event_type = 'refund'), 0),
    (count(*) FILTER (WHERE f.event_type = 'view'))::integer, (count(*) FILTER (WHERE f.event_type = 'add_to_cart'))::integer,
    (count(*) FILTER (WHERE f.event_type = 'bot_command'))::integer
  FROM app_schema.event_facts f
  WHERE f.user_id = p_user_id AND f.day = p_day
    AND f.event_timestamp >= greatest(p_from, (p_day::timestamp AT TIME ZONE (SELECT s.time_zone FROM app_schema.settings s)) - interval '3 hours')
    AND f.event_timestamp < least(p_until, ((p_day + 1)::timestamp AT TIME ZONE (SELECT s.time_zone FROM app_schema.settings s)) + interval '3 hours')
  GROUP BY f.user_id, f.day
$function$;

CREATE OR REPLACE FUNCTION app_schema.rebuild_user_days() RETURNS bigint
LANGUAGE plpgsql SECURITY INVOKER
SET enable_indexscan = off SET enable_bitmapscan = off SET work_mem = '128MB' SET parallel_setup_cost = 0 SET parallel_tuple_cost = 0
AS $function$
DECLARE
  v_written bigint;
BEGIN
  -- First what is noted, then what is folded: what commits between the two is folded here and, harmlessly, once more next time.
  DELETE FROM app_schema.user_day_changes;
  DELETE FROM app_schema.user_days;
  CREATE TEMP TABLE folded_days AS SELECT * FROM app_schema.fold_all_days() f ORDER BY f.user_id, f.day;
  INSERT INTO app_schema.user_days SELECT * FROM pg_temp.folded_days;
  GET DIAGNOSTICS v_written = ROW_COUNT;
  DROP TABLE pg_temp.folded_days;
  INSERT INTO app_schema.user_score_changes (user_id) VALUES (0);
  RETURN v_written;
END
$function$;

CREATE OR REPLACE FUNCTION app_schema.refresh_user_days(p_rebuild boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $function$
DECLARE
  v_changed bigint;
  -- By size, at about 80 bytes a row: the planner's own count comes with the next ANALYZE, and a true one would read them all.
  v_days bigint := pg_relation_size('app_schema.user_days') / 80;
  v_written bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('customer-analyzer user_days'));
  SELECT count(*) INTO v_changed FROM app_schema.user_day_changes;
  -- A day folded alone costs as much as eight in a fold of everything.
  IF p_rebuild OR v_changed > v_days / 8 THEN
    RETURN app_schema.rebuild_user_days();
  END IF;
  WITH noted AS (
    DELETE FROM app_schema.user_day_changes RETURNING user_id, day
  ), changed AS (
    -- In the order of the keys the days that follow each other lie on the same pages, and each is written once.
    SELECT DISTINCT n.user_id, n.day FROM noted n ORDER BY n.user_id, n.day
  ), touched AS (
    -- Also where the day as a whole stays as it was: the part of it before a moment may not.
    INSERT INTO app_schema.user_score_changes (user_id) SELECT DISTINCT c.user_id FROM changed c
  ), folded AS MATERIALIZED (
    -- A day whose events are all gone stays, empty: to look for what is missing would compare each day with all others.
    SELECT c.user_id AS of_user_id, c.day AS of_day, f.*
    FROM changed c LEFT JOIN LATERAL app_schema.fold_day(c.user_id, c.day, '-infinity', 'infinity') f ON true
  ), emptied AS (
    DELETE FROM app_schema.user_days d USING folded f
    WHERE f.events IS NULL AND d.user_id = f.of_user_id AND d.day = f.of_day
  )
  INSERT INTO app_schema.user_days AS d
  SELECT f.user_id, f.day, f.events, f.purchases, f.orders, f.spend, f.refund_events, f.refunds, f.views, f.carts, f.bot_events
  FROM folded f
  WHERE f.events IS NOT NULL
  ON CONFLICT (user_id, day) DO UPDATE SET events = excluded.events, purchases = excluded.purchases, orders = excluded.orders,
    spend = excluded.spend, refund_events = excluded.refund_events, refunds = excluded.refunds, views = excluded.views,
    carts = excluded.carts, bot_events = excluded.bot_events
    WHERE (d.*) IS DISTINCT FROM (excluded.*);
  GET DIAGNOSTICS v_written = ROW_COUNT;
  RETURN v_written;
END
$function$;

-- The same answers for some customers only. An array that the planner can see would be weighed element by element, at every place: the
-- sub-select hides it, and the index of customers is used all the same.
DROP FUNCTION app_schema.get_customer_features(timestamptz);
DROP FUNCTION app_schema.get_customer_snapshot(timestamptz);
DROP FUNCTION app_schema.get_user_days(timestamptz, timestamptz);

CREATE FUNCTION app_schema.get_user_days(p_from timestamptz, p_until timestamptz, p_user_ids integer[] DEFAULT NULL) RETURNS SETOF app_schema.user_days
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  -- Bounds in sub-selects are worked out once; the functions alone would be called for each row.
  SELECT d.*
  FROM app_schema.user_days d
  WHERE d.day >= (SELECT app_schema.first_whole_day(p_from)) AND d.day < (SELECT app_schema.day_of(p_until))
    AND (p_user_ids IS NULL OR d.user_id = ANY ((SELECT p_user_ids)::integer[]))
    -- Most of the time nothing is noted: asked once, that spares a look-up for each row.
    AND ((SELECT NOT EXISTS (SELECT FROM app_schema.user_day_changes))
      OR NOT EXISTS (SELECT FROM app_schema.user_day_changes c WHERE c.user_id = d.user_id AND c.day = d.day))
  UNION ALL
  SELECT f.*
  FROM (
    SELECT DISTINCT c.user_id, c.day
    FROM app_schema.user_day_changes c
    WHERE c.day >= (SELECT app_schema.first_whole_day(p_from)) AND c.day < (SELECT app_schema.day_of(p_until))
      AND (p_user_ids IS NULL OR c.user_id = ANY ((SELECT p_user_ids)::integer[]))
  ) changed
  CROSS JOIN LATERAL app_schema.fold_day(changed.user_id, changed.day, '-infinity', 'infinity') f
  UNION ALL
  -- Where a bound lies within a day: the part of it before the first whole day, and that after the last.
  SELECT f.*
  FROM (
    SELECT DISTINCT e.user_id, e.day, part.from_moment, part.until_moment
    FROM (
      SELECT p_from AS from_moment, least(app_schema.day_start(app_schema.first_whole_day(p_from)), p_until) AS until_moment
      UNION ALL
      SELECT greatest(app_schema.day_start(app_schema.day_of(p_until)), app_schema.day_start(app_schema.first_whole_day(p_from))), p_until
    ) part
    -- By type, since the index of periods begins with it; the list of types is read from the same index, one probe each.
    CROSS JOIN LATERAL (
      SELECT v.user_id, v.day
      FROM app_schema.event_facts v
      WHERE v.event_timestamp >= part.from_moment AND v.event_timestamp < part.until_moment
        AND v.event_type = ANY (ARRAY(
          WITH RECURSIVE types AS (
            SELECT min(x.event_type) AS event_type FROM app_schema.events x
            UNION ALL
            SELECT (SELECT min(x.event_type) FROM app_schema.events x WHERE x.event_type > t.event_type) FROM types t
            WHERE t.event_type IS NOT NULL
          ) SELECT t.event_type FROM types t WHERE t.event_type IS NOT NULL
        ))
    ) e
    WHERE part.from_moment < part.until_moment
      -- Asked of what was found: by the index of customers all their years would be read for one part of a day.
      AND (p_user_ids IS NULL OR e.user_id IN (SELECT unnest(p_user_ids)))
  ) touched
  CROSS JOIN LATERAL app_schema.fold_day(touched.user_id, touched.day, touched.from_moment, touched.until_moment) f
$function$;
COMMENT ON FUNCTION app_schema.get_user_days(timestamptz, timestamptz, integer[]) IS
  'Events by customer and day of the shop, of those from p_from up to but not including p_until: from user_days, and where that is behind from the events themselves; of p_user_ids only, unless it is NULL';

CREATE FUNCTION app_schema.get_customer_snapshot(p_as_of timestamptz, p_user_ids integer[] DEFAULT NULL)
RETURNS TABLE (
  user_id integer, frequency integer, recency_days integer, t_days integer, monetary_value double precision, orders integer,
  gross_revenue numeric, refunds numeric, gap_mean_days double precision, gap_deviation_days double precision, last_gap_days integer
)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  WITH steps AS (
    SELECT d.user_id, d.day, d.spend, d.orders, d.day - lag(d.day) OVER by_day AS gap, lead(d.day) OVER by_day IS NULL AS is_last
    FROM app_schema.get_user_days('-infinity', p_as_of, p_user_ids) d
    WHERE d.purchases > 0
    WINDOW by_day AS (PARTITION BY d.user_id ORDER BY d.day)
  ), buyers AS (
    SELECT s.user_id, count(*) AS days, min(s.day) AS first_day, max(s.day) AS last_day, sum(s.spend) AS spend,
      sum(s.spend) FILTER (WHERE s.gap IS NULL) AS first_spend, sum(s.orders) AS orders, avg(s.gap)::double precision AS gap_mean,
      CASE WHEN count(*) > 1 THEN stddev_pop(s.gap)::double precision END AS gap_deviation, sum(s.gap) FILTER (WHERE s.is_last) AS last_gap
    FROM steps s
    GROUP BY s.user_id
  ), returned AS (
    SELECT d.user_id, sum(d.refunds) AS refunds
    FROM app_schema.get_user_days('-infinity', p_as_of, p_user_ids) d
    WHERE d.refund_events > 0
    GROUP BY d.user_id
  )
  SELECT b.user_id, (b.days - 1)::integer, b.last_day - b.first_day, app_schema.day_of(p_as_of - interval '1 microsecond') - b.first_day,
    coalesce(((b.spend - b.first_spend) / nullif(b.days - 1, 0))::double precision, 0), b.orders::integer, b.spend,
    coalesce(r.refunds, 0), b.gap_mean, b.gap_deviation, b.last_gap::integer
  FROM buyers b LEFT JOIN returned r ON r.user_id = b.user_id
  ORDER BY b.user_id
$function$;
COMMENT ON FUNCTION app_schema.get_customer_snapshot(timestamptz, integer[]) IS
  'What the purchase models see of each customer (of p_user_ids, unless it is NULL) who bought before p_as_of: frequency (repeat purchase days), recency_days and t_days (since the first purchase day, in whole days of the shop), monetary_value (mean spend of a repeat day), orders, revenue before refunds, refunds; gaps between purchase days, NULL for who bought on one';

CREATE FUNCTION app_schema.get_customer_features(p_as_of timestamptz, p_user_ids integer[] DEFAULT NULL)
RETURNS TABLE (
  user_id integer, frequency integer, recency_days integer, t_days integer, monetary_value double precision, orders integer,
  gross_revenue numeric, refunds numeric, purchase_days_30 integer, purchase_days_90 integer, purchase_days_365 integer,
  gap_mean_days double precision, gap_deviation_days double precision, last_gap_days integer, refund_events integer,
  tenure_days integer, inactive_days integer, active_days_90 integer, views_7 integer, views_30 integer, views_90 integer,
  carts_7 integer, carts_30 integer, carts_90 integer, bot_events_30 integer, season_days_30 integer, season_days_90 integer
)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  WITH behaviour AS (
    SELECT a.user_id,
      max(a.age) AS tenure_days, min(a.age) AS inactive_days, count(*) FILTER (WHERE a.age < 90) AS active_days_90,
      coalesce(sum(a.views) FILTER (WHERE a.age < 7), 0) AS views_7, coalesce(sum(a.views) FILTER (WHERE a.age < 30), 0) AS views_30,
      coalesce(sum(a.views) FILTER (WHERE a.age < 90), 0) AS views_90, coalesce(sum(a.carts) FILTER (WHERE a.age < 7), 0) AS carts_7,
      coalesce(sum(a.carts) FILTER (WHERE a.age < 30), 0) AS carts_30, coalesce(sum(a.carts) FILTER (WHERE a.age < 90), 0) AS carts_90,
      coalesce(sum(a.bot_events) FILTER (WHERE a.age < 30), 0) AS bot_events_30, sum(a.refund_events) AS refund_events,
      count(*) FILTER (WHERE a.purchases > 0 AND a.age < 30) AS purchase_days_30,
      count(*) FILTER (WHERE a.purchases > 0 AND a.age < 90) AS purchase_days_90,
      count(*) FILTER (WHERE a.purchases > 0 AND a.age < 365) AS purchase_days_365,
      -- The days that followed this one a year ago: who buys for one season is seen nowhere else.
      count(*) FILTER (WHERE a.purchases > 0 AND a.age BETWEEN 335 AND 364) AS season_days_30,
      count(*) FILTER (WHERE a.purchases > 0 AND a.age BETWEEN 275 AND 364) AS season_days_90
    FROM (
      SELECT d.*, (SELECT app_schema.day_of(p_as_of - interval '1 microsecond')) - d.day AS age
      FROM app_schema.get_user_days('-infinity', p_as_of, p_user_ids) d
    ) a
    GROUP BY a.user_id
  )
  SELECT b.user_id, c.frequency, c.recency_days, c.t_days, c.monetary_value, c.orders, c.gross_revenue, c.refunds,
    b.purchase_days_30::integer, b.purchase_days_90::integer, b.purchase_days_365::integer, c.gap_mean_days, c.gap_deviation_days,
    c.last_gap_days, b.refund_events::integer, b.tenure_days, b.inactive_days, b.active_days_90::integer, b.views_7::integer,
    b.views_30::integer, b.views_90::integer, b.carts_7::integer, b.carts_30::integer, b.carts_90::integer, b.bot_events_30::integer,
    b.season_days_30::integer, b.season_days_90::integer
  FROM behaviour b
  LEFT JOIN app_schema.get_customer_snapshot(p_as_of, p_user_ids) c ON c.user_id = b.user_id
  ORDER BY b.user_id
$function$;
COMMENT ON FUNCTION app_schema.get_customer_features(timestamptz, integer[]) IS
  'What the classifiers see of everybody (of p_user_ids, unless it is NULL) who did anything before p_as_of; purchase columns are NULL for who never bought. Days are whole days of the shop, windows end with the day of p_as_of';
