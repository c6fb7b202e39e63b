-- Pages of customers in the order of a score, out of an index.

-- find_users by ltv, churn_probability, purchase_probability_30d, registration_date; user_id in the same index, since equal values are told apart by it. Not
-- last_updated: one scoring gives everybody the same.
CREATE INDEX idx_user_metrics_ltv ON app_schema.user_metrics (ltv, user_id);
CREATE INDEX idx_user_metrics_churn_probability ON app_schema.user_metrics (churn_probability, user_id);
CREATE INDEX idx_user_metrics_purchase_probability_30d ON app_schema.user_metrics (purchase_probability_30d, user_id);
CREATE INDEX idx_users_registration_date ON app_schema.users (registration_date, user_id);

CREATE OR REPLACE FUNCTION app_schema.find_users(
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
    'search', '(%s OR u.user_id = ANY ($5))');
  c_sorts CONSTANT jsonb := jsonb_build_object('user_id', 'u.user_id', 'registration_date', 'u.registration_date', 'ltv', 'm.ltv',
    'churn_probability', 'm.churn_probability', 'purchase_probability_30d', 'm.purchase_probability_30d', 'last_updated', 'm.last_updated');
  c_types CONSTANT jsonb := jsonb_build_object('user_id', 'integer', 'registration_date', 'timestamptz', 'ltv', 'numeric',
    'churn_probability', 'real', 'purchase_probability_30d', 'real', 'last_updated', 'timestamptz');
  v_column text := c_sorts ->> p_sort;
  -- Of the table that the column is of, so that one index has both.
  v_id text := split_part(v_column, '.', 1) || '.user_id';
  v_direction text := CASE WHEN p_descending THEN 'DESC' ELSE 'ASC' END;
  v_conditions text[] := '{}';
  v_patterns text[];
  v_search text := btrim(p_filters ->> 'search');
  v_ids integer[];
  v_select text;
  v_unknown text;
  v_found integer := 0;
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
  SELECT coalesce(array_agg(c_conditions ->> k), '{}') INTO v_conditions FROM jsonb_object_keys(p_filters - 'search') k;
  IF p_filters ? 'search' THEN
    -- Each word begins a first name, a last name or a user name (as "ann arch"); or the whole is an id. Plain conditions, so that PostgreSQL may go by the
    -- index of a rare word, or by user_id where a word is common: of 143,000 who are called Ann it took 600 ms to gather all, and a page needs 50.
    v_patterns := ARRAY(
      SELECT regexp_replace(lower(w), '([\\%_])', '\\\1', 'g') || '%'
      FROM regexp_split_to_table(ltrim(v_search, '@'), '\s+') WITH ORDINALITY AS t (w, n) WHERE w <> '' ORDER BY n LIMIT 5);
    v_ids := ARRAY(SELECT i.user_id FROM app_schema.user_identities i WHERE i.external_id = v_search);
    IF v_search ~ '^-?\d{1,18}$' THEN
      v_ids := v_ids || ARRAY(
        SELECT x.user_id FROM app_schema.users x WHERE x.telegram_id = v_search::bigint
        UNION SELECT x.user_id FROM app_schema.users x WHERE x.user_id = v_search::bigint);
    END IF;
    v_conditions := v_conditions || format(c_conditions ->> 'search', coalesce(
      (SELECT '(' || string_agg(format(
        '(lower(u.first_name) LIKE ($2)[%1$s] OR lower(u.last_name) LIKE ($2)[%1$s] OR lower(u.username) LIKE ($2)[%1$s])', n), ' AND ') || ')'
       FROM generate_series(1, cardinality(v_patterns)) n), 'false'));
  END IF;
  v_select := 'SELECT u.user_id, u.telegram_id, u.username, u.first_name, u.last_name, u.registration_date, s.code, s.name_en, s.name_ru, m.ltv,
       m.churn_probability, m.purchase_probability_30d, m.last_updated, (' || v_column || ')::text
     FROM app_schema.users u
     LEFT JOIN app_schema.user_metrics m ON m.user_id = u.user_id
     LEFT JOIN app_schema.segments s ON s.segment_id = m.segment_id
     WHERE ' || array_to_string(ARRAY['true'] || v_conditions, ' AND ');
  IF p_sort = 'user_id' THEN
    RETURN QUERY EXECUTE v_select
      || CASE WHEN p_after IS NULL THEN '' ELSE format(' AND u.user_id %s ($3 ->> ''user_id'')::integer', CASE WHEN p_descending THEN '<' ELSE '>' END) END
      || format(' ORDER BY u.user_id %s LIMIT $4', v_direction)
      USING p_filters, v_patterns, p_after, p_limit, v_ids;
    RETURN;
  END IF;
  -- First those who have a value, in the order of its index, then, if the page has room, those who have none: in one statement PostgreSQL sorts everybody
  -- for each page (1,000,000 customers: 2 s).
  IF p_after IS NULL OR p_after ->> 'value' IS NOT NULL THEN
    RETURN QUERY EXECUTE v_select || format(' AND %s IS NOT NULL', v_column)
      || CASE WHEN p_after IS NULL THEN '' ELSE format(' AND (%s, %s) %s (($3 ->> ''value'')::%s, ($3 ->> ''user_id'')::integer)',
        v_column, v_id, CASE WHEN p_descending THEN '<' ELSE '>' END, c_types ->> p_sort) END
      || format(' ORDER BY %s %s, %s %2$s LIMIT $4', v_column, v_direction, v_id)
      USING p_filters, v_patterns, p_after, p_limit, v_ids;
    GET DIAGNOSTICS v_found = ROW_COUNT;
  END IF;
  IF v_found < p_limit AND NOT p_filters ?| ARRAY['min_' || p_sort, 'max_' || p_sort] THEN
    RETURN QUERY EXECUTE v_select || format(' AND %s IS NULL', v_column)
      || CASE WHEN p_after IS NULL OR p_after ->> 'value' IS NOT NULL THEN '' ELSE ' AND u.user_id > ($3 ->> ''user_id'')::integer' END
      || ' ORDER BY u.user_id LIMIT $4'
      USING p_filters, v_patterns, p_after, p_limit - v_found, v_ids;
  END IF;
END
$function$;
