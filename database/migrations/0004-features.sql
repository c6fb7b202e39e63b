-- What the classifiers see of a customer at a moment: purchases, gaps between them, looks, carts, talk with the bot.

CREATE FUNCTION app_schema.get_customer_features(p_as_of timestamptz)
RETURNS TABLE (
  user_id integer, frequency integer, recency_days integer, t_days integer, monetary_value double precision, orders integer,
  gross_revenue numeric, refunds numeric, purchase_days_30 integer, purchase_days_90 integer, purchase_days_365 integer,
  gap_mean_days double precision, gap_deviation_days double precision, last_gap_days integer, refund_events integer,
  tenure_days integer, inactive_days integer, active_days_90 integer, views_7 integer, views_30 integer, views_90 integer,
  carts_7 integer, carts_30 integer, carts_90 integer, bot_events_30 integer
)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  WITH shop AS (
    SELECT s.time_zone, ((p_as_of - interval '1 microsecond') AT TIME ZONE s.time_zone)::date AS as_of_day FROM app_schema.settings s
  ), seen AS (
    SELECT e.user_id, e.event_type, (e.event_timestamp AT TIME ZONE shop.time_zone)::date AS day, shop.as_of_day, count(*) AS events
    FROM app_schema.events e CROSS JOIN shop
    WHERE e.user_id IS NOT NULL AND e.event_timestamp < p_as_of
      -- An adjustment is a correction of the books, nothing that a customer did.
      AND e.event_type <> 'adjustment'
    GROUP BY e.user_id, e.event_type, (e.event_timestamp AT TIME ZONE shop.time_zone)::date, shop.as_of_day
  ), behaviour AS (
    SELECT d.user_id,
      max(d.as_of_day - d.day) AS tenure_days,
      min(d.as_of_day - d.day) AS inactive_days,
      count(DISTINCT d.day) FILTER (WHERE d.as_of_day - d.day < 90) AS active_days_90,
      coalesce(sum(d.events) FILTER (WHERE d.event_type = 'view' AND d.as_of_day - d.day < 7), 0) AS views_7,
      coalesce(sum(d.events) FILTER (WHERE d.event_type = 'view' AND d.as_of_day - d.day < 30), 0) AS views_30,
      coalesce(sum(d.events) FILTER (WHERE d.event_type = 'view' AND d.as_of_day - d.day < 90), 0) AS views_90,
      coalesce(sum(d.events) FILTER (WHERE d.event_type = 'add_to_cart' AND d.as_of_day - d.day < 7), 0) AS carts_7,
      coalesce(sum(d.events) FILTER (WHERE d.event_type = 'add_to_cart' AND d.as_of_day - d.day < 30), 0) AS carts_30,
      coalesce(sum(d.events) FILTER (WHERE d.event_type = 'add_to_cart' AND d.as_of_day - d.day < 90), 0) AS carts_90,
      coalesce(sum(d.events) FILTER (WHERE d.event_type = 'bot_command' AND d.as_of_day - d.day < 30), 0) AS bot_events_30,
      coalesce(sum(d.events) FILTER (WHERE d.event_type = 'refund'), 0) AS refund_events,
      count(*) FILTER (WHERE d.event_type = 'purchase' AND d.as_of_day - d.day < 30) AS purchase_days_30,
      count(*) FILTER (WHERE d.event_type = 'purchase' AND d.as_of_day - d.day < 90) AS purchase_days_90,
      count(*) FILTER (WHERE d.event_type = 'purchase' AND d.as_of_day - d.day < 365) AS purchase_days_365
    FROM seen d
    GROUP BY d.user_id
  ), steps AS (
    SELECT d.user_id, d.day, d.day - lag(d.day) OVER (PARTITION BY d.user_id ORDER BY d.day) AS gap
    FROM seen d
    WHERE d.event_type = 'purchase'
  ), gaps AS (
    SELECT s.user_id, avg(s.gap)::double precision AS mean, coalesce(stddev_pop(s.gap), 0)::double precision AS deviation,
      (array_agg(s.gap ORDER BY s.day DESC))[1] AS last
    FROM steps s
    WHERE s.gap IS NOT NULL
    GROUP BY s.user_id
  )
  SELECT b.user_id, c.frequency, c.recency_days, c.t_days, c.monetary_value, c.orders, c.gross_revenue, c.refunds,
    b.purchase_days_30::integer, b.purchase_days_90::integer, b.purchase_days_365::integer, g.mean, g.deviation, g.last,
    b.refund_events::integer, b.tenure_days, b.inactive_days, b.active_days_90::integer, b.views_7::integer, b.views_30::integer,
    b.views_90::integer, b.carts_7::integer, b.carts_30::integer, b.carts_90::integer, b.bot_events_30::integer
  FROM behaviour b
  LEFT JOIN app_schema.get_customer_snapshot(p_as_of) c ON c.user_id = b.user_id
  LEFT JOIN gaps g ON g.user_id = b.user_id
  ORDER BY b.user_id
$function$;
COMMENT ON FUNCTION app_schema.get_customer_features(timestamptz) IS
  'What the classifiers see of everybody who did anything before p_as_of; purchase columns are NULL for who never bought. Days are whole days of the shop, windows end with the day of p_as_of';
