-- Events folded to one row a customer and day. Every cut-off of training and scoring reads these few narrow rows instead of all events,
-- and after new events only the days that they touched are folded again. Readers get exact answers at any time: what changed since the
-- last refresh_user_days() is folded as it is read, so that no answer depends on when somebody refreshed.

CREATE TABLE app_schema.user_days (
  user_id       integer NOT NULL,
  day           date NOT NULL,
  events        integer NOT NULL,
  purchases     integer NOT NULL,
  orders        integer NOT NULL,
  spend         numeric NOT NULL,
  refund_events integer NOT NULL,
  refunds       numeric NOT NULL,
  views         integer NOT NULL,
  carts         integer NOT NULL,
  bot_events    integer NOT NULL,
  -- No foreign key to users: the rows follow from events, which have one, and a check for each of them would double the time to fold.
  PRIMARY KEY (user_id, day)
);
COMMENT ON TABLE app_schema.user_days IS
  'Events of each customer by day of the shop, as of the last refresh_user_days(); read get_user_days(), which adds what came since';
COMMENT ON COLUMN app_schema.user_days.events IS 'Everything but adjustments, which are corrections of the books and nothing that a customer did';
COMMENT ON COLUMN app_schema.user_days.orders IS 'Distinct orders; purchases counts their lines';
COMMENT ON COLUMN app_schema.user_days.spend IS 'Revenue before refunds';

CREATE TABLE app_schema.user_day_changes (
  user_id integer NOT NULL,
  day     date NOT NULL
);
COMMENT ON TABLE app_schema.user_day_changes IS
  'Days that are to be folded again, written by triggers on events. Only ever added to and consumed: no key, so that writers never wait for each other';
-- get_user_days: is this day out of date? Few notes are hashed instead; many, as after an import, do not fit into work_mem.
CREATE INDEX idx_user_day_changes_user_id_day ON app_schema.user_day_changes (user_id, day);

CREATE VIEW app_schema.event_facts WITH (security_invoker = true) AS
  -- The zone in a sub-select is read once. Joined, the planner takes the one row of an unanalysed table for hundreds.
  SELECT e.user_id, (e.event_timestamp AT TIME ZONE (SELECT s.time_zone FROM app_schema.settings s))::date AS day, e.event_timestamp, e.event_type,
    CASE WHEN e.event_type = 'purchase' THEN app_schema.order_key(e.properties, e.event_id) END AS order_key,
    CASE WHEN e.event_type IN ('purchase', 'refund') THEN app_schema.event_revenue(e.event_type, e.properties) END AS revenue
  FROM app_schema.events e
  WHERE e.user_id IS NOT NULL AND e.event_type <> 'adjustment' AND EXISTS (SELECT FROM app_schema.settings);
COMMENT ON VIEW app_schema.event_facts IS 'What counts of each event of a customer, with the day of the shop on which it counts';

CREATE FUNCTION app_schema.day_of(p_moment timestamptz) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT (p_moment AT TIME ZONE (SELECT s.time_zone FROM app_schema.settings s))::date
$function$;
COMMENT ON FUNCTION app_schema.day_of(timestamptz) IS 'The day of the shop to which a moment belongs, whatever TimeZone the session has';

CREATE FUNCTION app_schema.first_whole_day(p_from timestamptz) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT CASE WHEN app_schema.day_start(app_schema.day_of(p_from)) >= p_from THEN 0 ELSE 1 END + app_schema.day_of(p_from)
$function$;
COMMENT ON FUNCTION app_schema.first_whole_day(timestamptz) IS 'The first day of the shop that begins at the moment or after it';

-- In two steps, by order first, both can be hashed, in parallel too; count(DISTINCT order_key) would sort every event.
CREATE FUNCTION app_schema.fold_all_days() RETURNS SETOF app_schema.user_days
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT o.user_id, o.day, sum(o.events)::integer, sum(o.purchases)::integer, count(o.order_key)::integer, coalesce(sum(o.spend), 0),
    sum(o.refund_events)::integer, coalesce(sum(o.refunds), 0), sum(o.views)::integer, sum(o.carts)::integer, sum(o.bot_events)::integer
  FROM (
    SELECT f.user_id, f.day, f.order_key, count(*) AS events,
      count(*) FILTER (WHERE f.event_type = 'purchase') AS purchases, sum(f.revenue) FILTER (WHERE f.event_type = 'purchase') AS spend,
      count(*) FILTER (WHERE f.event_type = 'refund') AS refund_events, -sum(f.revenue) FILTER (WHERE f.event_type = 'refund') AS refunds,
      count(*) FILTER (WHERE f.event_type = 'view') AS views, count(*) FILTER (WHERE f.event_type = 'add_to_cart') AS carts,
      count(*) FILTER (WHERE f.event_type = 'bot_command') AS bot_events
    FROM app_schema.event_facts f
    GROUP BY f.user_id, f.day, f.order_key
  ) o
  GROUP BY o.user_id, o.day
$function$;
COMMENT ON FUNCTION app_schema.fold_all_days() IS 'What user_days should hold, from all events';

-- The bounds of the day are there for the index, with room for a clock that is put back at midnight; the day itself decides.
CREATE FUNCTION app_schema.fold_day(p_user_id integer, p_day date, p_from timestamptz, p_until timestamptz) RETURNS SETOF app_schema.user_days
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT f.user_id, f.day, count(*)::integer, (count(*) FILTER (WHERE f.event_type = 'purchase'))::integer,
    count(DISTINCT f.order_key)::integer, coalesce(sum(f.revenue) FILTER (WHERE f.event_type = 'purchase'), 0),
    (count(*) FILTER (WHERE f.event_type = 'refund'))::integer, coalesce(-sum(f.revenue) FILTER (WHERE f.event_type = 'refund'), 0),
    (count(*) FILTER (WHERE f.event_type = 'view'))::integer, (count(*) FILTER (WHERE f.event_type = 'add_to_cart'))::integer,
    (count(*) FILTER (WHERE f.event_type = 'bot_command'))::integer
  FROM app_schema.event_facts f
  WHERE f.user_id = p_user_id AND f.day = p_day
    AND f.event_timestamp >= greatest(p_from, app_schema.day_start(p_day) - interval '3 hours')
    AND f.event_timestamp < least(p_until, app_schema.day_start(p_day + 1) + interval '3 hours')
  GROUP BY f.user_id, f.day
$function$;
COMMENT ON FUNCTION app_schema.fold_day(integer, date, timestamptz, timestamptz) IS
  'One customer''s day from the events themselves, of those from p_from up to but not including p_until. No row where there are none';

CREATE FUNCTION app_schema.get_user_days(p_from timestamptz, p_until timestamptz) RETURNS SETOF app_schema.user_days
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  -- Bounds in sub-selects are worked out once; the functions alone would be called for each row.
  SELECT d.*
  FROM app_schema.user_days d
  WHERE d.day >= (SELECT app_schema.first_whole_day(p_from)) AND d.day < (SELECT app_schema.day_of(p_until))
    -- Most of the time nothing is noted: asked once, that spares a look-up for each row.
    AND ((SELECT NOT EXISTS (SELECT FROM app_schema.user_day_changes))
      OR NOT EXISTS (SELECT FROM app_schema.user_day_changes c WHERE c.user_id = d.user_id AND c.day = d.day))
  UNION ALL
  SELECT f.*
  FROM (
    SELECT DISTINCT c.user_id, c.day
    FROM app_schema.user_day_changes c
    WHERE c.day >= (SELECT app_schema.first_whole_day(p_from)) AND c.day < (SELECT app_schema.day_of(p_until))
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
  ) touched
  CROSS JOIN LATERAL app_schema.fold_day(touched.user_id, touched.day, touched.from_moment, touched.until_moment) f
$function$;
COMMENT ON FUNCTION app_schema.get_user_days(timestamptz, timestamptz) IS
  'Events by customer and day of the shop, of those from p_from up to but not including p_until: from user_days, and where that is behind from the events themselves';

CREATE FUNCTION app_schema.note_changed_days() RETURNS trigger
LANGUAGE plpgsql SECURITY INVOKER
AS $function$
DECLARE
  -- Without a zone nothing is folded, and the row that brings one folds everything.
  v_time_zone text := coalesce((SELECT s.time_zone FROM app_schema.settings s), 'UTC');
BEGIN
  INSERT INTO app_schema.user_day_changes (user_id, day)
  SELECT DISTINCT c.user_id, (c.event_timestamp AT TIME ZONE v_time_zone)::date FROM changed_events c WHERE c.user_id IS NOT NULL;
  IF TG_OP = 'UPDATE' THEN
    INSERT INTO app_schema.user_day_changes (user_id, day)
    SELECT DISTINCT c.user_id, (c.event_timestamp AT TIME ZONE v_time_zone)::date FROM events_as_changed c WHERE c.user_id IS NOT NULL;
  END IF;
  RETURN NULL;
END
$function$;
COMMENT ON FUNCTION app_schema.note_changed_days() IS 'Trigger: notes which days of which customers a statement touched';
CREATE TRIGGER events_inserted AFTER INSERT ON app_schema.events
  REFERENCING NEW TABLE AS changed_events FOR EACH STATEMENT EXECUTE FUNCTION app_schema.note_changed_days();
CREATE TRIGGER events_updated AFTER UPDATE ON app_schema.events
  REFERENCING OLD TABLE AS changed_events NEW TABLE AS events_as_changed FOR EACH STATEMENT EXECUTE FUNCTION app_schema.note_changed_days();
CREATE TRIGGER events_deleted AFTER DELETE ON app_schema.events
  REFERENCING OLD TABLE AS changed_events FOR EACH STATEMENT EXECUTE FUNCTION app_schema.note_changed_days();

-- Reading the table in its own order and hashing: by the index of customers, which the planner prefers because it comes sorted, each event
-- is looked up by itself (20,000,000 events, 5,000,000 days: 156 s, this way 83 s).
CREATE FUNCTION app_schema.rebuild_user_days() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET enable_indexscan = off SET enable_bitmapscan = off SET work_mem = '128MB'
AS $function$
DECLARE
  v_written bigint;
BEGIN
  -- First what is noted, then what is folded: what commits between the two is folded here and, harmlessly, once more next time.
  DELETE FROM app_schema.user_day_changes;
  DELETE FROM app_schema.user_days;
  INSERT INTO app_schema.user_days SELECT * FROM app_schema.fold_all_days() f ORDER BY f.user_id, f.day;
  GET DIAGNOSTICS v_written = ROW_COUNT;
  RETURN v_written;
END
$function$;
COMMENT ON FUNCTION app_schema.rebuild_user_days() IS 'Folds all days anew and returns how many there are; refresh_user_days calls it';

CREATE FUNCTION app_schema.refresh_user_days(p_rebuild boolean DEFAULT false) RETURNS bigint
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
    SELECT DISTINCT n.user_id, n.day FROM noted n
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
COMMENT ON FUNCTION app_schema.refresh_user_days(boolean) IS
  'Brings user_days up to date with the events and returns the rows written; p_rebuild folds everything anew. Nothing depends on when it runs but speed';

CREATE FUNCTION app_schema.fold_days_anew() RETURNS trigger
LANGUAGE plpgsql SECURITY INVOKER
AS $function$
BEGIN
  -- Days mean something else now: who is writing events noted them by the old zone, and has to end first.
  LOCK TABLE app_schema.events IN SHARE MODE;
  PERFORM app_schema.refresh_user_days(p_rebuild => true);
  RETURN NULL;
END
$function$;
COMMENT ON FUNCTION app_schema.fold_days_anew() IS 'Trigger: folds all days anew after a change of the shop''s time zone or after TRUNCATE';
CREATE TRIGGER settings_zone_set AFTER INSERT OR DELETE ON app_schema.settings
  FOR EACH ROW EXECUTE FUNCTION app_schema.fold_days_anew();
CREATE TRIGGER settings_zone_changed AFTER UPDATE ON app_schema.settings
  FOR EACH ROW WHEN (OLD.time_zone IS DISTINCT FROM NEW.time_zone) EXECUTE FUNCTION app_schema.fold_days_anew();
CREATE TRIGGER events_truncated AFTER TRUNCATE ON app_schema.events
  FOR EACH STATEMENT EXECUTE FUNCTION app_schema.fold_days_anew();

-- From days to customers. The columns of the gaps belong to the snapshot now: they come from the same walk through the purchase days.
DROP FUNCTION app_schema.get_customer_features(timestamptz);
DROP FUNCTION app_schema.get_customer_snapshot(timestamptz);

CREATE FUNCTION app_schema.get_customer_snapshot(p_as_of timestamptz)
RETURNS TABLE (
  user_id integer, frequency integer, recency_days integer, t_days integer, monetary_value double precision, orders integer,
  gross_revenue numeric, refunds numeric, gap_mean_days double precision, gap_deviation_days double precision, last_gap_days integer
)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  WITH steps AS (
    SELECT d.user_id, d.day, d.spend, d.orders, d.day - lag(d.day) OVER by_day AS gap, lead(d.day) OVER by_day IS NULL AS is_last
    FROM app_schema.get_user_days('-infinity', p_as_of) d
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
    FROM app_schema.get_user_days('-infinity', p_as_of) d
    WHERE d.refund_events > 0
    GROUP BY d.user_id
  )
  SELECT b.user_id, (b.days - 1)::integer, b.last_day - b.first_day, app_schema.day_of(p_as_of - interval '1 microsecond') - b.first_day,
    coalesce(((b.spend - b.first_spend) / nullif(b.days - 1, 0))::double precision, 0), b.orders::integer, b.spend,
    coalesce(r.refunds, 0), b.gap_mean, b.gap_deviation, b.last_gap::integer
  FROM buyers b LEFT JOIN returned r ON r.user_id = b.user_id
  ORDER BY b.user_id
$function$;
COMMENT ON FUNCTION app_schema.get_customer_snapshot(timestamptz) IS
  'What the purchase models see of each customer who bought before p_as_of: frequency (repeat purchase days), recency_days and t_days (since the first purchase day, in whole days of the shop), monetary_value (mean spend of a repeat day), orders, revenue before refunds, refunds; gaps between purchase days, NULL for who bought on one';

CREATE FUNCTION app_schema.get_customer_features(p_as_of timestamptz)
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
      FROM app_schema.get_user_days('-infinity', p_as_of) d
    ) a
    GROUP BY a.user_id
  )
  SELECT b.user_id, c.frequency, c.recency_days, c.t_days, c.monetary_value, c.orders, c.gross_revenue, c.refunds,
    b.purchase_days_30::integer, b.purchase_days_90::integer, b.purchase_days_365::integer, c.gap_mean_days, c.gap_deviation_days,
    c.last_gap_days, b.refund_events::integer, b.tenure_days, b.inactive_days, b.active_days_90::integer, b.views_7::integer,
    b.views_30::integer, b.views_90::integer, b.carts_7::integer, b.carts_30::integer, b.carts_90::integer, b.bot_events_30::integer,
    b.season_days_30::integer, b.season_days_90::integer
  FROM behaviour b
  LEFT JOIN app_schema.get_customer_snapshot(p_as_of) c ON c.user_id = b.user_id
  ORDER BY b.user_id
$function$;
COMMENT ON FUNCTION app_schema.get_customer_features(timestamptz) IS
  'What the classifiers see of everybody who did anything before p_as_of; purchase columns are NULL for who never bought. Days are whole days of the shop, windows end with the day of p_as_of';

CREATE FUNCTION app_schema.get_customer_outcomes(p_from timestamptz, p_until timestamptz)
RETURNS TABLE (user_id integer, bought boolean, revenue numeric)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT d.user_id, bool_or(d.purchases > 0), sum(d.spend - d.refunds)
  FROM app_schema.get_user_days(p_from, p_until) d
  WHERE d.purchases > 0 OR d.refund_events > 0
  GROUP BY d.user_id
$function$;
COMMENT ON FUNCTION app_schema.get_customer_outcomes(timestamptz, timestamptz) IS
  'Who bought or returned something from p_from up to but not including p_until: whether they bought, and their revenue net of refunds';

-- What happened before this migration.
SELECT app_schema.refresh_user_days(p_rebuild => true);
