-- What the HTTP API asks besides: search, timeline, catalogue, overview.

-- find_users by the beginning of a name. text_pattern_ops: LIKE 'ann%' uses an index whatever the collation of the database.
CREATE INDEX idx_users_first_name ON app_schema.users (lower(first_name) text_pattern_ops);
CREATE INDEX idx_users_last_name ON app_schema.users (lower(last_name) text_pattern_ops);
CREATE INDEX idx_users_username ON app_schema.users (lower(username) text_pattern_ops);
-- find_users by an id of another system, whichever that is.
CREATE INDEX idx_user_identities_external_id ON app_schema.user_identities (external_id);

CREATE FUNCTION app_schema.find_users(
  p_filters jsonb DEFAULT '{}', p_sort text DEFAULT 'user_id', p_descending boolean DEFAULT false, p_limit integer DEFAULT 50, p_after jsonb DEFAULT NULL
)
RETURNS TABLE (
  user_id integer, telegram_id bigint, username varchar, first_name varchar, last_name varchar, registration_date timestamptz, segment_code text,
  segment_name_en text, segment_name_ru text, ltv numeric, churn_probability real, purchase_probability_30d real, last_updated timestamptz,
  sort_value text
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
DECLARE
  -- What may be asked, and the condition that it becomes: only what was asked stands in the statement, so that each question gets its own plan.
  c_conditions CONSTANT jsonb := jsonb_build_object(
    'segment', 's.code = $1 ->> ''segment''',
    'min_ltv', 'm.ltv >= ($1 ->> ''min_ltv'')::numeric',
    'max_ltv', 'm.ltv <= ($1 ->> ''max_ltv'')::numeric',
    'min_churn_probability', 'm.churn_probability >= ($1 ->> ''min_churn_probability'')::real',
    'max_churn_probability', 'm.churn_probability <= ($1 ->> ''max_churn_probability'')::real',
    'min_purchase_probability_30d', 'm.purchase_probability_30d >= ($1 ->> ''min_purchase_probability_30d'')::real',
    'max_purchase_probability_30d', 'm.purchase_probability_30d <= ($1 ->> ''max_purchase_probability_30d'')::real',
    'active_since', 'EXISTS (SELECT FROM app_schema.events e WHERE e.user_id = u.user_id AND e.event_timestamp >= ($1 ->> ''active_since'')::timestamptz)',
    'inactive_since', 'NOT EXISTS (SELECT FROM app_schema.events e WHERE e.user_id = u.user_id AND e.event_timestamp >= ($1 ->> ''inactive_since'')::timestamptz)',
    'profile', 'u.profile_data @> ($1 -> ''profile'')',
    'search', 'u.user_id IN (%s)');
  c_sorts CONSTANT jsonb := jsonb_build_object('user_id', 'u.user_id', 'registration_date', 'u.registration_date', 'ltv', 'm.ltv',
    'churn_probability', 'm.churn_probability', 'purchase_probability_30d', 'm.purchase_probability_30d', 'last_updated', 'm.last_updated');
  c_types CONSTANT jsonb := jsonb_build_object('user_id', 'integer', 'registration_date', 'timestamptz', 'ltv', 'numeric',
    'churn_probability', 'real', 'purchase_probability_30d', 'real', 'last_updated', 'timestamptz');
  v_column text := c_sorts ->> p_sort;
  v_conditions text[];
  v_patterns text[];
  v_unknown text;
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  IF v_column IS NULL THEN
    RAISE EXCEPTION 'customers cannot be sorted by "%"', p_sort USING ERRCODE = 'CA002',
      HINT = 'Choose user_id, registration_date, ltv, churn_probability, purchase_probability_30d or last_updated.';
  END IF;
  SELECT string_agg(k, ', ' ORDER BY k) INTO v_unknown FROM jsonb_object_keys(p_filters) k WHERE NOT c_conditions ? k;
  IF v_unknown IS NOT NULL THEN
    RAISE EXCEPTION 'there is no filter %', v_unknown USING ERRCODE = 'CA002',
      HINT = (SELECT 'Choose of ' || string_agg(k, ', ' ORDER BY k) || '.' FROM jsonb_object_keys(c_conditions) k);
  END IF;
  IF p_filters ? 'segment' AND NOT EXISTS (SELECT FROM app_schema.segments s WHERE s.code = p_filters ->> 'segment') THEN
    RAISE EXCEPTION 'there is no segment "%"', p_filters ->> 'segment'
      USING ERRCODE = 'CA002', HINT = 'SELECT * FROM app_schema.list_segments() shows the codes; before the first scoring there are none.';
  END IF;
  SELECT array_agg(c_conditions ->> k) INTO v_conditions FROM jsonb_object_keys(p_filters - 'search') k;
  IF p_filters ? 'search' THEN
    -- Each word begins a first name, a last name or a user name (as "ann arch"); or the whole is an id.
    v_patterns := ARRAY(
      SELECT regexp_replace(lower(w), '([\\%_])', '\\\1', 'g') || '%'
      FROM regexp_split_to_table(ltrim(btrim(p_filters ->> 'search'), '@'), '\s+') WITH ORDINALITY AS t (w, n) WHERE w <> '' ORDER BY n LIMIT 5);
    v_conditions := v_conditions || format(c_conditions ->> 'search', concat_ws(' UNION ',
      (SELECT '(' || string_agg(format(
        '(SELECT x.user_id FROM app_schema.users x WHERE lower(x.first_name) LIKE ($2)[%1$s] UNION SELECT x.user_id FROM app_schema.users x WHERE lower(x.last_name) LIKE ($2)[%1$s] UNION SELECT x.user_id FROM app_schema.users x WHERE lower(x.username) LIKE ($2)[%1$s])',
        n), ' INTERSECT ') || ')' FROM generate_series(1, cardinality(v_patterns)) n),
      'SELECT i.user_id FROM app_schema.user_identities i WHERE i.external_id = btrim($1 ->> ''search'')',
      CASE WHEN btrim(p_filters ->> 'search') ~ '^-?\d{1,18}$' THEN
        'SELECT x.user_id FROM app_schema.users x WHERE x.telegram_id = btrim($1 ->> ''search'')::bigint UNION SELECT x.user_id FROM app_schema.users x WHERE x.user_id = btrim($1 ->> ''search'')::bigint' END));
  END IF;
  IF p_after IS NOT NULL THEN
    v_conditions := v_conditions || CASE
      WHEN p_sort = 'user_id' THEN format('u.user_id %s ($3 ->> ''user_id'')::integer', CASE WHEN p_descending THEN '<' ELSE '>' END)
      WHEN p_after ->> 'value' IS NULL
        THEN format('(%s IS NULL AND u.user_id > ($3 ->> ''user_id'')::integer)', v_column)
      ELSE format('(%1$s %2$s ($3 ->> ''value'')::%3$s OR (%1$s = ($3 ->> ''value'')::%3$s AND u.user_id > ($3 ->> ''user_id'')::integer) OR %1$s IS NULL)',
        v_column, CASE WHEN p_descending THEN '<' ELSE '>' END, c_types ->> p_sort)
    END;
  END IF;
  -- By user_id alone the primary key gives the order, and a page reads as many rows as it shows.
  RETURN QUERY EXECUTE
    'SELECT u.user_id, u.telegram_id, u.username, u.first_name, u.last_name, u.registration_date, s.code, s.name_en, s.name_ru, m.ltv,
       m.churn_probability, m.purchase_probability_30d, m.last_updated, (' || v_column || ')::text
     FROM app_schema.users u
     LEFT JOIN app_schema.user_metrics m ON m.user_id = u.user_id
     LEFT JOIN app_schema.segments s ON s.segment_id = m.segment_id'
    || coalesce(' WHERE ' || array_to_string(v_conditions, ' AND '), '')
    || ' ORDER BY ' || v_column || CASE WHEN p_descending THEN ' DESC' ELSE '' END
    || CASE WHEN p_sort = 'user_id' THEN '' ELSE ' NULLS LAST, u.user_id' END
    || ' LIMIT $4'
    USING p_filters, v_patterns, p_after, p_limit;
END
$function$;
COMMENT ON FUNCTION app_schema.find_users(jsonb, text, boolean, integer, jsonb) IS
  'A page of customers. p_filters: search (beginnings of names, or an id), segment, min_/max_ of ltv, churn_probability and purchase_probability_30d, active_since, inactive_since, profile (contained in profile_data); p_after: {"value": sort_value, "user_id": user_id} of the last row of the page before. sort_value is text, since a client''s numbers and dates may be coarser';

CREATE FUNCTION app_schema.get_user_timeline(p_user_id integer, p_limit integer DEFAULT 50, p_before_event_id bigint DEFAULT NULL)
RETURNS TABLE (
  event_id bigint, event_type varchar, event_timestamp timestamptz, product_id integer, product_name varchar, revenue numeric, properties jsonb
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
DECLARE
  v_before timestamptz := 'infinity';
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  IF p_before_event_id IS NOT NULL THEN
    SELECT e.event_timestamp INTO v_before FROM app_schema.events e WHERE e.event_id = p_before_event_id AND e.user_id = p_user_id;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'customer % has no event %', p_user_id, p_before_event_id USING ERRCODE = 'CA002';
    END IF;
  END IF;
  RETURN QUERY
    SELECT e.event_id, e.event_type, e.event_timestamp, e.product_id, p.name, app_schema.event_revenue(e.event_type, e.properties), e.properties
    FROM app_schema.events e LEFT JOIN app_schema.products p ON p.product_id = e.product_id
    WHERE e.user_id = p_user_id AND e.event_timestamp <= v_before
      AND (e.event_timestamp < v_before OR p_before_event_id IS NULL OR e.event_id < p_before_event_id)
    ORDER BY e.event_timestamp DESC, e.event_id DESC
    LIMIT p_limit;
END
$function$;
COMMENT ON FUNCTION app_schema.get_user_timeline(integer, integer, bigint) IS
  'Events of one customer, newest first; p_before_event_id is the last event of the page before';

CREATE FUNCTION app_schema.list_products(p_limit integer DEFAULT 50, p_after_product_id integer DEFAULT 0, p_search text DEFAULT NULL, p_category text DEFAULT NULL)
RETURNS TABLE (
  product_id integer, name varchar, category varchar, price numeric, description text, attributes jsonb, stock integer, is_merchandise boolean, is_hidden boolean
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  RETURN QUERY
    SELECT p.product_id, p.name, p.category, p.price, p.description, p.attributes, p.stock, p.is_merchandise, p.is_hidden
    FROM app_schema.products p
    WHERE p.product_id > coalesce(p_after_product_id, 0) AND (p_category IS NULL OR p.category = p_category)
      AND (p_search IS NULL OR strpos(lower(p.name), lower(p_search)) > 0)
    ORDER BY p.product_id
    LIMIT p_limit;
END
$function$;
COMMENT ON FUNCTION app_schema.list_products(integer, integer, text, text) IS
  'A page of the catalogue by product_id; p_search is a part of the name';

CREATE FUNCTION app_schema.get_overview(p_start_date date, p_end_date date)
RETURNS TABLE (
  customers bigint, new_customers bigint, active_customers bigint, buyers bigint, orders bigint, revenue numeric, scored_customers bigint,
  mean_ltv numeric, mean_churn_probability numeric, mean_purchase_probability_30d numeric
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
DECLARE
  v_from timestamptz;
  v_until timestamptz;
BEGIN
  PERFORM app_schema.check_period(p_start_date, p_end_date);
  v_from := app_schema.day_start(p_start_date);
  v_until := app_schema.day_start(p_end_date + 1);
  RETURN QUERY
    SELECT u.customers, u.new_customers, a.active_customers, r.buyers, r.orders, r.revenue, m.scored_customers, m.mean_ltv, m.mean_churn,
      m.mean_purchase
    FROM (
      SELECT count(*) AS customers, count(*) FILTER (WHERE c.registration_date >= v_from AND c.registration_date < v_until) AS new_customers
      FROM app_schema.users c
    ) u, (
      SELECT count(DISTINCT d.user_id) AS active_customers FROM app_schema.get_user_days(v_from, v_until) d WHERE d.events > 0
    ) a, (
      -- Events, not days of customers: an order of somebody unknown is revenue too.
      SELECT count(DISTINCT e.user_id) FILTER (WHERE e.event_type = 'purchase') AS buyers,
        count(DISTINCT app_schema.order_key(e.properties, e.event_id)) FILTER (WHERE e.event_type = 'purchase') AS orders,
        coalesce(sum(app_schema.event_revenue(e.event_type, e.properties)), 0) AS revenue
      FROM app_schema.events e
      WHERE e.event_type IN ('purchase', 'refund') AND e.event_timestamp >= v_from AND e.event_timestamp < v_until
    ) r, (
      SELECT count(*) AS scored_customers, round(avg(k.ltv), 2) AS mean_ltv, round(avg(k.churn_probability::numeric), 4) AS mean_churn,
        round(avg(k.purchase_probability_30d::numeric), 4) AS mean_purchase
      FROM app_schema.user_metrics k
    ) m;
END
$function$;
COMMENT ON FUNCTION app_schema.get_overview(date, date) IS
  'The shop in one row: customers now; new, active, buyers, orders and net revenue within the period (days of the shop, both included); means of the latest scores';

CREATE FUNCTION app_schema.get_revenue_series(p_start_date date, p_end_date date, p_unit text DEFAULT 'day')
RETURNS TABLE (start_date date, end_date date, revenue numeric, orders bigint, buyers bigint, active_customers bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
DECLARE
  c_longest CONSTANT integer := 1100;
  v_first date;
  v_zone text := (SELECT s.time_zone FROM app_schema.settings s);
BEGIN
  PERFORM app_schema.check_period(p_start_date, p_end_date);
  IF p_unit IS NULL OR p_unit NOT IN ('day', 'week', 'month') THEN
    RAISE EXCEPTION 'the unit is day, week or month, not "%"', p_unit USING ERRCODE = 'CA002';
  END IF;
  IF (p_end_date - p_start_date) / (CASE p_unit WHEN 'day' THEN 1 WHEN 'week' THEN 7 ELSE 30 END) > c_longest THEN
    RAISE EXCEPTION 'the period has more than % steps', c_longest USING ERRCODE = 'CA002', HINT = 'Ask for a shorter period, or for weeks or months.';
  END IF;
  v_first := date_trunc(p_unit, p_start_date::timestamp)::date;
  RETURN QUERY
    -- Weeks begin on Monday. The first and the last step are cut off at the ends of the period.
    SELECT greatest(g.step, p_start_date), least(g.following - 1, p_end_date), coalesce(r.revenue, 0), coalesce(r.orders, 0),
      coalesce(r.buyers, 0), coalesce(a.active_customers, 0)
    FROM (
      SELECT s::date AS step, (s + ('1 ' || p_unit)::interval)::date AS following
      FROM generate_series(v_first::timestamp, p_end_date::timestamp, ('1 ' || p_unit)::interval) s
    ) g
    LEFT JOIN (
      SELECT date_trunc(p_unit, e.event_timestamp AT TIME ZONE v_zone)::date AS step, sum(app_schema.event_revenue(e.event_type, e.properties)) AS revenue,
        count(DISTINCT app_schema.order_key(e.properties, e.event_id)) FILTER (WHERE e.event_type = 'purchase') AS orders,
        count(DISTINCT e.user_id) FILTER (WHERE e.event_type = 'purchase') AS buyers
      FROM app_schema.events e
      WHERE e.event_type IN ('purchase', 'refund')
        AND e.event_timestamp >= app_schema.day_start(p_start_date) AND e.event_timestamp < app_schema.day_start(p_end_date + 1)
      GROUP BY 1
    ) r ON r.step = g.step
    LEFT JOIN (
      SELECT date_trunc(p_unit, d.day::timestamp)::date AS step, count(DISTINCT d.user_id) AS active_customers
      FROM app_schema.get_user_days(app_schema.day_start(p_start_date), app_schema.day_start(p_end_date + 1)) d
      WHERE d.events > 0
      GROUP BY 1
    ) a ON a.step = g.step
    ORDER BY g.step;
END
$function$;
COMMENT ON FUNCTION app_schema.get_revenue_series(date, date, text) IS
  'Net revenue, orders, buyers and active customers by day, week or month of the shop within the period, steps without events included';
