-- Trained weights, one row a product: what is read with it, and how much it sells. Readers join them to the latest committed events.

CREATE TABLE app_schema.product_neighbours (
  product_id    integer PRIMARY KEY REFERENCES app_schema.products (product_id) ON DELETE CASCADE,
  neighbour_ids integer[] NOT NULL,
  weights       real[] NOT NULL,
  CHECK (cardinality(neighbour_ids) = cardinality(weights))
);
COMMENT ON TABLE app_schema.product_neighbours IS 'For each product those that the same customers took, most similar first, with cosine similarity 0-1';

CREATE TABLE app_schema.product_popularity (
  product_id           integer PRIMARY KEY REFERENCES app_schema.products (product_id) ON DELETE CASCADE,
  popularity           real NOT NULL,
  buyers               integer NOT NULL,
  repeat_share         real NOT NULL,
  is_bought_repeatedly boolean NOT NULL,
  repeat_interval_days real
);
COMMENT ON TABLE app_schema.product_popularity IS 'Recent demand (0-1, the most wanted product has 1) and whether customers buy the product again';
COMMENT ON COLUMN app_schema.product_popularity.repeat_share IS 'Share of its buyers who bought it on more than one day';
COMMENT ON COLUMN app_schema.product_popularity.repeat_interval_days IS 'Median days between two purchases by the same customer';
-- get_recommendations: the most wanted products, for newcomers and to fill a list.
CREATE INDEX idx_product_popularity_popularity ON app_schema.product_popularity (popularity DESC, product_id);

CREATE FUNCTION app_schema.end_of_as_of(p_as_of text) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY INVOKER
AS $function$
BEGIN
  IF p_as_of ~ '^\d{4}-\d{2}-\d{2}$' THEN
    RETURN app_schema.day_start(p_as_of::date + 1);
  ELSIF p_as_of ~ '^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)$' THEN
    RETURN p_as_of::timestamptz;
  ELSIF p_as_of ~ '^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?$' THEN
    RETURN p_as_of::timestamp AT TIME ZONE (SELECT s.time_zone FROM app_schema.settings s);
  END IF;
  RAISE EXCEPTION 'as_of must be a day (2024-01-31) or a moment (2024-01-31T12:00:00Z), not "%"', p_as_of USING ERRCODE = 'CA002';
END
$function$;
COMMENT ON FUNCTION app_schema.end_of_as_of(text) IS
  'The moment before which events count: a bare day counts whole, a moment without an offset is of the shop''s time zone, never of the session''s';

CREATE FUNCTION app_schema.get_recommendations(p_user_id integer, p_limit integer DEFAULT 10, p_options jsonb DEFAULT '{}')
RETURNS TABLE (
  rank integer, product_id integer, name varchar, category varchar, price numeric, score double precision, reason_code text, reason text,
  reason_product_id integer
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
DECLARE
  v_options jsonb := coalesce(p_options, '{}');
  v_exclude jsonb := coalesce(nullif(v_options -> 'exclude_product_ids', 'null'), '[]');
  v_language text := coalesce(v_options ->> 'language', 'en');
  v_category text := v_options ->> 'category';
  v_unknown text;
  v_excluded integer[];
  v_now timestamptz;
  -- What is committed counts, also where the clock that stamped it runs ahead of ours: a bound is there only when asked for.
  v_until timestamptz;
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  IF jsonb_typeof(v_options) <> 'object' THEN
    RAISE EXCEPTION 'the options must be a JSON object' USING ERRCODE = 'CA002';
  END IF;
  SELECT string_agg(k, ', ' ORDER BY k) INTO v_unknown
  FROM jsonb_object_keys(v_options) k WHERE k NOT IN ('language', 'category', 'as_of', 'exclude_product_ids');
  IF v_unknown IS NOT NULL THEN
    RAISE EXCEPTION 'unknown option: %', v_unknown USING ERRCODE = 'CA002', HINT = 'Options are language, category, as_of, exclude_product_ids.';
  END IF;
  IF v_language NOT IN ('en', 'ru') THEN
    RAISE EXCEPTION 'language must be en or ru, not "%"', v_language USING ERRCODE = 'CA002';
  END IF;
  IF jsonb_typeof(v_exclude) <> 'array' OR jsonb_path_exists(v_exclude, 'strict $[*] ? (@.type() != "number")') THEN
    RAISE EXCEPTION 'exclude_product_ids must be an array of numbers' USING ERRCODE = 'CA002';
  END IF;
  v_excluded := ARRAY(
    SELECT x::numeric::integer FROM jsonb_array_elements_text(v_exclude) x WHERE x::numeric BETWEEN 1 AND 2147483647 AND x::numeric % 1 = 0
  );
  v_until := app_schema.end_of_as_of(v_options ->> 'as_of');
  v_now := coalesce(v_until, now());
  v_until := coalesce(v_until, 'infinity');
  IF NOT EXISTS (SELECT FROM app_schema.users u WHERE u.user_id = p_user_id) THEN
    RETURN;
  END IF;

  RETURN QUERY
    WITH latest AS (
      -- 200 events say what somebody wants now; reading a wholesaler's ten thousand would cost time and blur the taste.
      SELECT e.product_id, e.event_type, e.event_timestamp
      FROM app_schema.events e
      WHERE e.user_id = p_user_id AND e.product_id IS NOT NULL AND e.event_timestamp < v_until
        AND e.event_type IN ('view', 'add_to_cart', 'purchase')
      ORDER BY e.event_timestamp DESC, e.event_id DESC
      LIMIT 200
    ), history AS (
      -- Age counts from the customer's own last event: waiting changes nobody's taste, and the list stays the same from day to day.
      SELECT l.product_id, bool_or(l.event_type = 'purchase') AS bought,
        max(CASE l.event_type WHEN 'purchase' THEN 1.0 WHEN 'add_to_cart' THEN 0.5 ELSE 0.2 END
          * power(0.5, least(100, extract(epoch FROM m.newest - l.event_timestamp)::double precision / 86400 / 90))) AS weight
      FROM latest l CROSS JOIN (SELECT max(event_timestamp) AS newest FROM latest) m
      GROUP BY l.product_id
    ), similar_to AS (
      SELECT n.neighbour_id, sum(h.weight * n.weight) / (SELECT sum(weight) FROM history) AS similarity,
        (array_agg(h.product_id ORDER BY h.weight * n.weight DESC, h.product_id))[1] AS because_id
      FROM history h
      JOIN app_schema.product_neighbours pn ON pn.product_id = h.product_id
      CROSS JOIN LATERAL unnest(pn.neighbour_ids, pn.weights) AS n (neighbour_id, weight)
      GROUP BY n.neighbour_id
    ), bought AS (
      SELECT e.product_id, max(e.event_timestamp) AS last_bought
      FROM app_schema.events e
      WHERE e.event_type = 'purchase' AND e.user_id = p_user_id AND e.product_id IS NOT NULL AND e.event_timestamp < v_until
      GROUP BY e.product_id
    ), blocked AS (
      -- Bought is excluded, unless people buy it again and about half their usual interval has gone by.
      SELECT b.product_id
      FROM bought b
      LEFT JOIN app_schema.product_popularity q ON q.product_id = b.product_id
      WHERE (q.is_bought_repeatedly AND v_now >= b.last_bought + make_interval(secs => 0.5 * 86400 * q.repeat_interval_days)) IS NOT TRUE
    ), eligible AS NOT MATERIALIZED (
      -- Not materialized, and the blocked by NOT IN (never NULL): the most wanted then come in the order of their index and the other
      -- candidates by their keys. Joined, or read once for both, all of the catalogue was read each time (50,000 products: 71 ms instead of 16).
      SELECT p.product_id, p.name, p.category, p.price, q.popularity, q.repeat_share, q.repeat_interval_days
      FROM app_schema.product_popularity q
      JOIN app_schema.products p ON p.product_id = q.product_id
      WHERE p.is_merchandise AND NOT p.is_hidden AND coalesce(p.stock, 1) > 0
        AND (v_category IS NULL OR p.category = v_category)
        AND q.product_id <> ALL (v_excluded) AND q.product_id NOT IN (SELECT x.product_id FROM blocked x)
    ), scored AS (
      SELECT c.product_id, c.name, c.category, c.price, s.because_id, c.repeat_interval_days, b.last_bought,
        coalesce(s.similarity, 0) + CASE WHEN b.last_bought IS NOT NULL THEN c.repeat_share ELSE 0 END + 0.01 * c.popularity AS score
      FROM (
        (SELECT e.* FROM eligible e ORDER BY e.popularity DESC, e.product_id LIMIT p_limit)
        UNION
        SELECT e.* FROM eligible e WHERE e.product_id IN (SELECT t.neighbour_id FROM similar_to t UNION SELECT o.product_id FROM bought o)
      ) c
      LEFT JOIN similar_to s ON s.neighbour_id = c.product_id
      LEFT JOIN bought b ON b.product_id = c.product_id
    )
    SELECT (row_number() OVER (ORDER BY s.in_excess, s.score DESC, s.product_id))::integer, s.product_id,
      CASE v_language WHEN 'ru' THEN coalesce(t.attributes ->> 'name_ru', s.name) ELSE s.name END::varchar, s.category, s.price, s.score,
      r.code, CASE v_language WHEN 'ru' THEN r.ru ELSE r.en END, r.because_id
    FROM (
      -- What one buys anyway is half of the list at most: the other half is there to be discovered.
      SELECT c.*, c.last_bought IS NOT NULL
        AND row_number() OVER (PARTITION BY c.last_bought IS NULL ORDER BY c.score DESC, c.product_id) > ceil(p_limit / 2.0) AS in_excess
      FROM scored c
    ) s
    JOIN app_schema.products t ON t.product_id = s.product_id
    LEFT JOIN app_schema.products w ON w.product_id = s.because_id
    LEFT JOIN history h ON h.product_id = s.because_id
    CROSS JOIN LATERAL (
      SELECT 'buy_again', format('time to buy it again: usually every %s days', round(s.repeat_interval_days)),
        format('пора купить снова: обычно раз в %s дн.', round(s.repeat_interval_days)), NULL::integer
      WHERE s.last_bought IS NOT NULL
      UNION ALL
      SELECT CASE WHEN h.bought THEN 'bought_together' ELSE 'viewed_together' END,
        format(CASE WHEN h.bought THEN 'because you bought %s' ELSE 'because you looked at %s' END, w.name),
        format(CASE WHEN h.bought THEN 'потому что вы купили: %s' ELSE 'потому что вы смотрели: %s' END, coalesce(w.attributes ->> 'name_ru', w.name)),
        s.because_id
      WHERE s.last_bought IS NULL AND s.because_id IS NOT NULL
      UNION ALL
      SELECT 'popular', 'popular with our customers', 'популярно у наших покупателей', NULL
      WHERE s.last_bought IS NULL AND s.because_id IS NULL
    ) AS r (code, en, ru, because_id)
    ORDER BY 1
    LIMIT p_limit;
END
$function$;
COMMENT ON FUNCTION app_schema.get_recommendations(integer, integer, jsonb) IS
  'Products for one customer with score and reason, from the trained weights and the latest committed events. What was bought is left out unless people buy it again. Options: language (en, ru), category, as_of, exclude_product_ids. No row for an unknown customer';
