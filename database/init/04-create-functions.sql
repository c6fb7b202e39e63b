-- The functions of the baseline. Each is created only where it is missing: a migration may have replaced it since.
-- Errors that a caller can branch on have SQLSTATEs of our own: CA001 reversed period, CA002 value out of range.

SET ROLE customer_analyzer_owner;

DO $create$
BEGIN
  IF to_regprocedure('app_schema.event_revenue(text, jsonb)') IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE $ddl$
    CREATE FUNCTION app_schema.event_revenue(p_event_type text, p_properties jsonb) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
    AS $function$
      SELECT CASE p_event_type WHEN 'purchase' THEN 1 WHEN 'refund' THEN -1 END
        * CASE
            WHEN jsonb_typeof(p_properties -> 'amount') = 'number' THEN (p_properties ->> 'amount')::numeric
            WHEN jsonb_typeof(p_properties -> 'unit_price') = 'number'
              THEN CASE WHEN jsonb_typeof(p_properties -> 'quantity') = 'number' THEN (p_properties ->> 'quantity')::numeric ELSE 1 END
                * (p_properties ->> 'unit_price')::numeric
          END
    $function$
  $ddl$;
  COMMENT ON FUNCTION app_schema.event_revenue(text, jsonb) IS
    'Revenue of one event: properties.amount, else quantity (1 unless given) x unit_price; a refund counts negative; NULL where the event moves no money';
END
$create$;

DO $create$
BEGIN
  IF to_regprocedure('app_schema.order_key(jsonb, bigint)') IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE $ddl$
    CREATE FUNCTION app_schema.order_key(p_properties jsonb, p_event_id bigint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
    AS $function$
      SELECT coalesce(p_properties ->> 'order_id', 'event ' || p_event_id::text)
    $function$
  $ddl$;
  COMMENT ON FUNCTION app_schema.order_key(jsonb, bigint) IS
    'What counts as one order: line items that share properties.order_id; a purchase without one is an order of its own';
END
$create$;

DO $create$
BEGIN
  IF to_regprocedure('app_schema.day_start(date)') IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE $ddl$
    CREATE FUNCTION app_schema.day_start(p_day date) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
    AS $function$
      SELECT p_day::timestamp AT TIME ZONE (SELECT s.time_zone FROM app_schema.settings s)
    $function$
  $ddl$;
  COMMENT ON FUNCTION app_schema.day_start(date) IS 'The moment when a day begins in the shop''s time zone, whatever TimeZone the session has';
END
$create$;

DO $create$
BEGIN
  IF to_regprocedure('app_schema.check_period(date, date)') IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE $ddl$
    CREATE FUNCTION app_schema.check_period(p_start_date date, p_end_date date) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
    AS $function$
    BEGIN
      IF p_start_date IS NULL OR p_end_date IS NULL THEN
        RAISE EXCEPTION 'both days of the period must be given' USING ERRCODE = 'CA002';
      END IF;
      IF p_start_date > p_end_date THEN
        RAISE EXCEPTION 'the period begins on % and ends before that, on %', p_start_date, p_end_date
          USING ERRCODE = 'CA001', HINT = 'The first day comes first; both days belong to the period.';
      END IF;
    END
    $function$
  $ddl$;
  COMMENT ON FUNCTION app_schema.check_period(date, date) IS 'Raises CA001 for a reversed period, CA002 for a missing day';
END
$create$;

DO $create$
BEGIN
  IF to_regprocedure('app_schema.check_limit(integer)') IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE $ddl$
    CREATE FUNCTION app_schema.check_limit(p_limit integer) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
    AS $function$
    BEGIN
      IF p_limit IS NULL OR p_limit < 0 THEN
        RAISE EXCEPTION 'the limit must be 0 or more, not %', coalesce(p_limit::text, 'NULL') USING ERRCODE = 'CA002';
      END IF;
    END
    $function$
  $ddl$;
  COMMENT ON FUNCTION app_schema.check_limit(integer) IS 'Raises CA002 for a negative or missing limit';
END
$create$;

DO $create$
BEGIN
  IF to_regprocedure('app_schema.get_user_stats(integer, timestamp with time zone)') IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE $ddl$
    CREATE FUNCTION app_schema.get_user_stats(p_user_id integer, p_now timestamptz DEFAULT now())
    RETURNS TABLE (
      user_id integer, total_events bigint, views bigint, cart_additions bigint, purchases bigint, items_purchased numeric,
      revenue numeric, average_order_value numeric, first_activity timestamptz, last_activity timestamptz, days_since_last_activity integer
    )
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
    AS $function$
      SELECT u.user_id, s.total_events, s.views, s.cart_additions, s.purchases, s.items_purchased, s.revenue,
        round(s.gross_revenue / nullif(s.purchases, 0), 2), s.first_activity, s.last_activity,
        (p_now AT TIME ZONE z.time_zone)::date - (s.last_activity AT TIME ZONE z.time_zone)::date
      FROM app_schema.users u
      CROSS JOIN app_schema.settings z
      CROSS JOIN LATERAL (
        SELECT count(*) AS total_events,
          count(*) FILTER (WHERE e.event_type = 'view') AS views,
          count(*) FILTER (WHERE e.event_type = 'add_to_cart') AS cart_additions,
          count(DISTINCT app_schema.order_key(e.properties, e.event_id)) FILTER (WHERE e.event_type = 'purchase') AS purchases,
          coalesce(sum(CASE WHEN jsonb_typeof(e.properties -> 'quantity') = 'number' THEN (e.properties ->> 'quantity')::numeric ELSE 1 END)
            FILTER (WHERE e.event_type = 'purchase'), 0) AS items_purchased,
          coalesce(sum(app_schema.event_revenue(e.event_type, e.properties)), 0) AS revenue,
          sum(app_schema.event_revenue(e.event_type, e.properties)) FILTER (WHERE e.event_type = 'purchase') AS gross_revenue,
          min(e.event_timestamp) AS first_activity,
          max(e.event_timestamp) AS last_activity
        FROM app_schema.events e
        WHERE e.user_id = u.user_id AND e.event_timestamp <= p_now
      ) s
      WHERE u.user_id = p_user_id
    $function$
  $ddl$;
  COMMENT ON FUNCTION app_schema.get_user_stats(integer, timestamptz) IS
    'One customer in numbers, as of p_now: purchases counts orders, revenue is net of refunds, average_order_value is before refunds. No row for an unknown customer';
END
$create$;

DO $create$
BEGIN
  IF to_regprocedure('app_schema.get_active_users(date, date)') IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE $ddl$
    CREATE FUNCTION app_schema.get_active_users(p_start_date date, p_end_date date)
    RETURNS TABLE (
      user_id integer, telegram_id bigint, username varchar, first_name varchar, last_name varchar, event_count bigint, last_activity timestamptz
    )
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
    AS $function$
    BEGIN
      PERFORM app_schema.check_period(p_start_date, p_end_date);
      RETURN QUERY
        SELECT u.user_id, u.telegram_id, u.username, u.first_name, u.last_name, a.event_count, a.last_activity
        FROM (
          SELECT e.user_id, count(*) AS event_count, max(e.event_timestamp) AS last_activity
          FROM app_schema.events e
          WHERE e.user_id IS NOT NULL
            AND e.event_timestamp >= app_schema.day_start(p_start_date) AND e.event_timestamp < app_schema.day_start(p_end_date + 1)
          GROUP BY e.user_id
        ) a
        JOIN app_schema.users u ON u.user_id = a.user_id
        ORDER BY a.last_activity DESC, u.user_id;
    END
    $function$
  $ddl$;
  COMMENT ON FUNCTION app_schema.get_active_users(date, date) IS
    'Customers with an event within the period (whole days of the shop''s time zone, both included), latest first';
END
$create$;

DO $create$
BEGIN
  IF to_regprocedure('app_schema.get_top_products(date, date, integer)') IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE $ddl$
    CREATE FUNCTION app_schema.get_top_products(p_start_date date, p_end_date date, p_limit integer DEFAULT 10)
    RETURNS TABLE (
      product_id integer, name varchar, category varchar, views bigint, cart_additions bigint, purchases bigint, buyers bigint,
      revenue numeric, conversion numeric
    )
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
    AS $function$
    BEGIN
      PERFORM app_schema.check_period(p_start_date, p_end_date), app_schema.check_limit(p_limit);
      RETURN QUERY
        SELECT p.product_id, p.name, p.category, a.views, a.cart_additions, a.purchases, a.buyers, a.revenue,
          round(a.purchases::numeric / nullif(a.views, 0), 4)
        FROM (
          SELECT e.product_id,
            count(*) FILTER (WHERE e.event_type = 'view') AS views,
            count(*) FILTER (WHERE e.event_type = 'add_to_cart') AS cart_additions,
            count(DISTINCT app_schema.order_key(e.properties, e.event_id)) FILTER (WHERE e.event_type = 'purchase') AS purchases,
            count(DISTINCT e.user_id) FILTER (WHERE e.event_type = 'purchase') AS buyers,
            coalesce(sum(app_schema.event_revenue(e.event_type, e.properties)), 0) AS revenue
          FROM app_schema.events e
          WHERE e.product_id IS NOT NULL AND e.event_type IN ('view', 'add_to_cart', 'purchase', 'refund')
            AND e.event_timestamp >= app_schema.day_start(p_start_date) AND e.event_timestamp < app_schema.day_start(p_end_date + 1)
          GROUP BY e.product_id
        ) a
        JOIN app_schema.products p ON p.product_id = a.product_id
        ORDER BY a.revenue DESC, a.purchases DESC, p.product_id
        LIMIT p_limit;
    END
    $function$
  $ddl$;
  COMMENT ON FUNCTION app_schema.get_top_products(date, date, integer) IS
    'Products by revenue (net of refunds) within the period, both days included; purchases counts orders, conversion is purchases per view';
END
$create$;

RESET ROLE;
