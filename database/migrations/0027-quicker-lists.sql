-- Lists for less: rows of weights are read as far as their product counts in the history, a third fewer candidates are looked up, nothing is
-- numbered or summed by windows, and what few shops need (boosts, pins) stands in statements of its own.

DROP FUNCTION app_schema.rank_products(
  text, bigint, integer, app_schema.recommendation_options, integer[], double precision[], integer[], integer[], varchar, integer[], double precision[], real[]
);
DROP FUNCTION app_schema.read_weights(text, bigint, integer[], double precision[]);

CREATE FUNCTION app_schema.read_weights(
  p_kind text, p_model_run_id bigint, p_source_ids integer[], p_source_weights double precision[], p_total double precision
) RETURNS TABLE (source_id integer, weight double precision, ids integer[], weights real[], collaborative integer)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT s.product_id, s.weight / p_total,
    CASE WHEN p_kind = 'similar' AND n.similar_ids <> '{}' THEN n.similar_ids
      WHEN p_kind = 'bought_together' THEN n.neighbour_ids[:n.collaborative] ELSE n.neighbour_ids[:x.most] END,
    CASE WHEN p_kind = 'similar' AND n.similar_ids <> '{}' THEN n.similarities
      WHEN p_kind = 'bought_together' THEN n.weights[:n.collaborative] ELSE n.weights[:x.most] END,
    CASE WHEN p_kind = 'similar' AND n.similar_ids <> '{}' THEN 0 ELSE n.collaborative END
  FROM unnest(p_source_ids, p_source_weights) s (product_id, weight)
  JOIN app_schema.product_neighbours n ON n.model_run_id = p_model_run_id AND n.product_id = s.product_id
  CROSS JOIN LATERAL (SELECT greatest(16, ceil(cardinality(n.neighbour_ids) * sqrt(s.weight / p_source_weights[1])))::integer AS most OFFSET 0) x
$function$;
COMMENT ON FUNCTION app_schema.read_weights(text, bigint, integer[], double precision[], double precision) IS
  'The rows of weights that a list is made of, of sources whose first is the weightiest; p_total is what their weights are divided by. Of a history the row of each as far as the root of its share of the weightiest, 16 at least; of a basket what was taken together, of a product what is like it (where nothing is known of that, what was taken together)';

CREATE FUNCTION app_schema.rank_products(
  p_kind text, p_model_run_id bigint, p_limit integer, p_options app_schema.recommendation_options, p_source_ids integer[],
  p_source_weights double precision[], p_total double precision, p_bought_ids integer[], p_banned_ids integer[], p_popular_in varchar DEFAULT '',
  p_due_ids integer[] DEFAULT '{}', p_due_scores double precision[] DEFAULT '{}', p_due_days real[] DEFAULT '{}'
) RETURNS TABLE (
  rank integer, product_id integer, name varchar, category varchar, price numeric, score double precision, reason_code text, reason text,
  reason_product_id integer, reason_weight double precision, model_run_id bigint
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET plan_cache_mode = force_generic_plan
AS $function$
DECLARE
  v_category varchar := p_options.category;
  v_min_price numeric := p_options.min_price;
  v_max_price numeric := p_options.max_price;
  v_in_stock boolean := p_options.in_stock;
  v_language text := p_options.language;
  v_cap integer := p_options.max_per_category;
  v_for_person boolean := p_kind IN ('user', 'session');
  v_has_includes boolean;
  v_has_excludes boolean;
  v_has_boosts boolean;
  v_has_pins boolean;
  v_banned integer[] := p_banned_ids || p_options.excluded_ids;
  -- So many best ones are ranked by all that counts, each for two look-ups; where the ranking is rearranged, it needs more to choose from.
  v_pool integer;
  v_popular integer;
  -- So many of the head are sorted and looked up; more where too many of them may not be recommended. NULL: all.
  v_head integer;
  v_head_ids integer[];
  v_head_scores double precision[];
  v_extra integer[];
  v_extra_scores double precision[];
  v_order integer[];
  v_due_places integer;
  v_is_arranged boolean;
  v_popularity_weight double precision;
  v_ids integer[];
  v_scores double precision[];
  v_days real[];
  v_pins integer[];
  v_categories text[];
  v_trending text[];
BEGIN
  SELECT r.has_includes, r.has_excludes, r.has_boosts, r.has_pins AND v_for_person, c.popularity_weight,
    ceil(p_limit * coalesce(p_options.buy_again_share, c.buy_again_share))
  INTO v_has_includes, v_has_excludes, v_has_boosts, v_has_pins, v_popularity_weight, v_due_places
  FROM (
    SELECT coalesce(bool_or(r.action = 'include'), false) AS has_includes, coalesce(bool_or(r.action = 'exclude'), false) AS has_excludes,
      coalesce(bool_or(r.action = 'boost'), false) AS has_boosts, coalesce(bool_or(r.action = 'pin'), false) AS has_pins
    FROM app_schema.recommendation_rules r
  ) r LEFT JOIN app_schema.recommenders c ON c.model_run_id = p_model_run_id;
  v_pool := CASE
    WHEN v_cap IS NOT NULL THEN greatest(300, 6 * least(p_limit, 1000))
    WHEN v_has_boosts OR p_options.diversity > 0 THEN greatest(100, 2 * least(p_limit, 1000))
    ELSE 10 + 2 * least(p_limit, 1000)
  END;
  v_popular := CASE WHEN v_cap IS NOT NULL OR p_options.diversity > 0 THEN greatest(100, least(p_limit, 1000)) ELSE least(p_limit, 1000) END;
  v_head := CASE
    WHEN v_category IS NULL AND v_min_price IS NULL AND v_max_price IS NULL AND NOT v_has_includes
      THEN v_pool + 10 + cardinality(v_banned)
  END;
  v_is_arranged := v_has_pins OR v_cap IS NOT NULL OR p_options.diversity > 0 OR cardinality(p_due_ids) > v_due_places;

  LOOP
    -- Candidates whatever their sum: what is popular, due again or pinned.
    v_extra := p_due_ids || ARRAY(
      SELECT t.id
      FROM app_schema.popular_products l
      CROSS JOIN LATERAL unnest(l.product_ids[:CASE WHEN v_head IS NULL THEN 500 ELSE v_popular + cardinality(v_banned) END]) WITH ORDINALITY t (id, place)
      WHERE l.model_run_id = p_model_run_id AND l.period = 'recent' AND l.category = CASE WHEN p_popular_in IS NOT NULL THEN coalesce(v_category, p_popular_in) END
        AND t.id NOT IN (SELECT unnest(v_banned))
      ORDER BY t.place
      LIMIT CASE WHEN v_head IS NOT NULL THEN v_popular END
    );
    v_extra_scores := p_due_scores || array_fill(0::double precision, ARRAY[cardinality(v_extra) - cardinality(p_due_ids)]);
    IF v_has_pins THEN
      v_extra := v_extra || ARRAY(SELECT r.product_id FROM app_schema.recommendation_rules r WHERE r.action = 'pin');
      v_extra_scores := v_extra_scores || array_fill(0::double precision, ARRAY[cardinality(v_extra) - cardinality(v_extra_scores)]);
    END IF;
    SELECT array_agg(h.id), array_agg(h.score) INTO v_head_ids, v_head_scores
    FROM (
      SELECT c.id, sum(c.part) AS score
      FROM (
        SELECT unnest(w.ids) AS id, w.weight * unnest(w.weights) AS part
        FROM app_schema.read_weights(p_kind, p_model_run_id, p_source_ids, p_source_weights, p_total) w
        UNION ALL SELECT unnest(v_extra), unnest(v_extra_scores)
      ) c
      GROUP BY c.id
      -- Their sums come with the head, so that the thousand or so of a usual history are not kept to be looked into a second time.
      ORDER BY CASE WHEN c.id IN (SELECT unnest(v_extra)) THEN 'infinity' ELSE sum(c.part) END DESC, c.id
      LIMIT v_head + cardinality(v_extra)
    ) h;
    SELECT array_agg(f.id), array_agg(f.score), array_agg(f.category), array_agg(f.trending)
    INTO v_ids, v_scores, v_categories, v_trending
    FROM (
      SELECT h.id, h.score + v_popularity_weight * coalesce(q.popularity, 0) AS score, p.category, q.trending
      FROM unnest(v_head_ids, v_head_scores) h (id, score)
      CROSS JOIN LATERAL app_schema.find_recommendable(h.id, v_category, v_min_price, v_max_price, v_in_stock, v_has_includes, v_has_excludes) p
      LEFT JOIN app_schema.product_popularity q ON q.model_run_id = p_model_run_id AND q.product_id = h.id
      WHERE h.id NOT IN (SELECT unnest(v_banned)) AND (h.score > 0 OR h.id = ANY (v_extra))
      ORDER BY score DESC, h.id
    ) f;
    EXIT WHEN v_head IS NULL OR cardinality(v_ids) >= v_pool OR coalesce(cardinality(v_head_ids), 0) < v_head + cardinality(v_extra);
    v_head := CASE WHEN v_head < 1000 THEN 8 * v_head END;
  END LOOP;
  IF v_ids IS NULL THEN
    RETURN;
  END IF;
  -- Few shops have boosts or pins: in the query above, they would be made ready for each list.
  IF v_has_boosts THEN
    SELECT array_agg(b.id), array_agg(b.score), array_agg(b.category), array_agg(b.trending) INTO v_ids, v_scores, v_categories, v_trending
    FROM (
      SELECT o.id, o.category, o.trending, o.score * (
          SELECT coalesce(exp(sum(ln(r.factor))), 1) FROM app_schema.recommendation_rules r
          WHERE r.action = 'boost' AND (r.product_id IS NULL OR r.product_id = o.id) AND (r.category IS NULL OR r.category = o.category)
            AND (r.min_price IS NULL OR p.price >= r.min_price) AND (r.max_price IS NULL OR p.price <= r.max_price)
        ) AS score
      FROM unnest(v_ids, v_scores, v_categories, v_trending) o (id, score, category, trending)
      JOIN app_schema.products p ON p.product_id = o.id
      ORDER BY score DESC, o.id
    ) b;
  END IF;
  IF v_is_arranged THEN
    SELECT array_agg(d.days ORDER BY o.place), array_agg(i.position ORDER BY o.place) INTO v_days, v_pins
    FROM unnest(v_ids) WITH ORDINALITY o (id, place)
    LEFT JOIN unnest(p_due_ids, p_due_days) d (id, days) ON d.id = o.id
    LEFT JOIN (
      SELECT r.product_id, min(r.position) AS position FROM app_schema.recommendation_rules r WHERE v_has_pins AND r.action = 'pin' GROUP BY 1
    ) i ON i.product_id = o.id;
    v_order := app_schema.arrange_products(
      p_model_run_id, p_limit, v_ids, v_scores, v_days, v_pins, v_categories, v_due_places, v_cap, p_options.diversity
    );
    SELECT array_agg(v_ids[u.place] ORDER BY u.n), array_agg(v_scores[u.place] ORDER BY u.n),
      array_agg(v_pins[u.place] ORDER BY u.n), array_agg(v_trending[u.place] ORDER BY u.n)
    INTO v_ids, v_scores, v_pins, v_trending
    FROM unnest(v_order) WITH ORDINALITY u (place, n);
  ELSE
    v_ids := v_ids[:p_limit];
    v_scores := v_scores[:p_limit];
    v_trending := v_trending[:p_limit];
  END IF;

  RETURN QUERY
    WITH weights AS MATERIALIZED (
      SELECT w.* FROM app_schema.read_weights(p_kind, p_model_run_id, p_source_ids, p_source_weights, p_total) w
    ), reasons AS MATERIALIZED (
      SELECT DISTINCT ON (o.id) o.id, w.source_id, w.weight * w.weights[x.place] AS part, x.place > w.collaborative AS is_content
      FROM weights w CROSS JOIN unnest(v_ids) o (id) CROSS JOIN LATERAL (SELECT array_position(w.ids, o.id) AS place OFFSET 0) x
      WHERE w.weights[x.place] > 0
      ORDER BY o.id, part DESC, w.source_id
    )
    SELECT o.rank::integer, o.id, CASE v_language WHEN 'ru' THEN coalesce(t.attributes ->> 'name_ru', t.name) ELSE t.name END::varchar, t.category,
      t.price, o.score, CASE WHEN r.code LIKE 'popular%' THEN 'popular' ELSE r.code END,
      replace(app_schema.reason_text(r.code, v_language), '%s', coalesce(
        CASE WHEN r.code = 'buy_again' THEN round(d.days)::text WHEN v_language = 'ru' THEN coalesce(s.attributes ->> 'name_ru', s.name) ELSE s.name END, '')),
      r.because_id, CASE WHEN r.because_id IS NOT NULL THEN b.part END, p_model_run_id
    FROM unnest(v_ids, v_scores, v_pins, v_trending) WITH ORDINALITY o (id, score, position, trending, rank)
    CROSS JOIN LATERAL (SELECT p_due_days[array_position(p_due_ids, o.id)] AS days OFFSET 0) d
    JOIN app_schema.products t ON t.product_id = o.id
    LEFT JOIN reasons b ON b.id = o.id AND o.position IS NULL AND d.days IS NULL
    LEFT JOIN app_schema.products s ON s.product_id = b.source_id
    CROSS JOIN LATERAL (
      SELECT s.product_id AS because_id, CASE
        WHEN o.position IS NOT NULL THEN 'pinned'
        WHEN d.days IS NOT NULL THEN 'buy_again'
        WHEN s.product_id IS NULL THEN 'popular_' || coalesce(o.trending, 'recent')
        WHEN b.source_id = o.id THEN 'viewed_again'
        WHEN b.is_content THEN 'similar'
        WHEN NOT v_for_person THEN 'taken_together'
        WHEN b.source_id = ANY (p_bought_ids) THEN 'bought_together'
        ELSE 'viewed_together' END AS code
      OFFSET 0
    ) r
    ORDER BY o.rank;
END
$function$;
COMMENT ON FUNCTION app_schema.rank_products(text, bigint, integer, app_schema.recommendation_options, integer[], double precision[], double precision, integer[], integer[], varchar, integer[], double precision[], real[]) IS
  'The engine of all lists: score(j) = sum of p_source_weights(i) / p_total w(i, j), what is due again, and popularity; then the rules of the shop, caps, diversity, and for each product its weightiest reason. The weightiest source comes first';

CREATE OR REPLACE FUNCTION app_schema.get_recommendations(p_user_id integer, p_limit integer DEFAULT 10, p_options jsonb DEFAULT '{}')
RETURNS TABLE (
  rank integer, product_id integer, name varchar, category varchar, price numeric, score double precision, reason_code text, reason text,
  reason_product_id integer, reason_weight double precision, model_run_id bigint
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
-- Planning anew would cost more than reading: what is asked for is always one customer.
SET plan_cache_mode = force_generic_plan
AS $function$
DECLARE
  v_options app_schema.recommendation_options;
  v_run bigint;
  v_how app_schema.recommenders;
  v_now timestamptz;
  -- What is committed counts, also where the clock that stamped it runs ahead of ours: a bound is there only when asked for.
  v_until timestamptz;
  v_newest timestamptz;
  v_total double precision;
  v_has_rules boolean;
  v_ids integer[];
  v_weights double precision[];
  v_bought_ids integer[];
  v_blocked_ids integer[];
  v_due_ids integer[];
  v_due_scores double precision[];
  v_due_days real[];
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  v_options := app_schema.read_recommendation_options(p_options);
  v_now := coalesce(v_options.as_of, now());
  v_until := coalesce(v_options.as_of, 'infinity');
  SELECT (
    SELECT e.event_timestamp
    FROM app_schema.events e
    WHERE e.user_id = p_user_id AND e.event_timestamp < v_until AND e.product_id IS NOT NULL
      AND e.event_type IN ('view', 'add_to_cart', 'purchase', 'refund')
    ORDER BY e.event_timestamp DESC
    LIMIT 1
  ) INTO v_newest
  FROM app_schema.users u WHERE u.user_id = p_user_id;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  v_run := coalesce(v_options.model_run_id, app_schema.get_recommender_of(p_user_id));
  SELECT * INTO v_how FROM app_schema.recommenders c WHERE c.model_run_id = v_run;
  IF v_how.model_run_id IS NULL THEN
    RETURN;
  END IF;
  v_has_rules := EXISTS (SELECT FROM app_schema.recommendation_rules r WHERE r.action IN ('buy_again', 'buy_once'));

  SELECT array_agg(h.product_id), array_agg(h.weight), sum(h.weight), array_agg(h.product_id) FILTER (WHERE h.is_bought)
  INTO v_ids, v_weights, v_total, v_bought_ids
  FROM (
    SELECT w.product_id, w.weight, w.is_bought
    FROM (
      SELECT d.product_id, d.bought_at > d.back_at AS is_bought, greatest(
          v_how.purchase_weight * power(0.5, d.bought_age), v_how.cart_weight * power(0.5, d.carted_age),
          v_how.view_weight * power(0.5, d.viewed_age)
        ) AS weight
      FROM (
        -- Age counts from the customer's own last event: waiting changes nobody's taste, and the list stays the same from day to day.
        -- What came back says nothing for a product from before that.
        SELECT g.product_id, g.bought_at, g.back_at,
          CASE WHEN g.bought_at > g.back_at THEN least(100, date_part('epoch', v_newest - g.bought_at) / (86400 * v_how.half_life_days)) END AS bought_age,
          CASE WHEN g.carted_at > g.back_at THEN least(100, date_part('epoch', v_newest - g.carted_at) / (86400 * v_how.half_life_days)) END AS carted_age,
          CASE WHEN g.viewed_at > g.back_at THEN least(100, date_part('epoch', v_newest - g.viewed_at) / (86400 * v_how.half_life_days)) END AS viewed_age
        FROM (
          SELECT l.product_id,
            max(l.event_timestamp) FILTER (WHERE l.event_type = 'purchase') AS bought_at,
            max(l.event_timestamp) FILTER (WHERE l.event_type = 'add_to_cart') AS carted_at,
            max(l.event_timestamp) FILTER (WHERE l.event_type = 'view') AS viewed_at,
            coalesce(max(l.event_timestamp) FILTER (WHERE l.event_type = 'refund'), '-infinity') AS back_at
          FROM (
            SELECT e.product_id, e.event_type, e.event_timestamp
            FROM app_schema.events e
            WHERE e.user_id = p_user_id AND e.event_timestamp < v_until AND e.product_id IS NOT NULL
              AND e.event_type IN ('view', 'add_to_cart', 'purchase', 'refund')
            ORDER BY e.event_timestamp DESC, e.product_id
            LIMIT v_how.history_events
          ) l
          GROUP BY l.product_id
        ) g
      ) d
    ) w
    WHERE w.weight > 0
    ORDER BY w.weight DESC, w.product_id
    LIMIT v_how.history_products
  ) h;

  SELECT array_agg(b.product_id) FILTER (WHERE NOT b.is_due), array_agg(b.product_id) FILTER (WHERE b.is_due),
    array_agg(v_how.repeat_weight * power(b.repeat_share, v_how.repeat_share_power) * power(b.times, v_how.repeat_power)) FILTER (WHERE b.is_due),
    array_agg(b.days) FILTER (WHERE b.is_due)
  INTO v_blocked_ids, v_due_ids, v_due_scores, v_due_days
  FROM (
    -- Bought is excluded, unless people, or this customer by habit, buy it again and its time has come.
    SELECT x.product_id, x.days, x.repeat_share, x.times,
      (v_options.buy_again AND x.again AND v_now >= x.last_bought + make_interval(secs => v_how.due_after * 86400 * x.days)) IS TRUE AS is_due
    FROM (
      SELECT t.product_id, t.last_bought, coalesce(r.interval_days, q.repeat_interval_days, t.own_days) AS days, t.times,
        CASE r.action WHEN 'buy_once' THEN false WHEN 'buy_again' THEN true ELSE q.is_bought_repeatedly OR t.is_habit END AS again,
        -- Where the shop says so and the data do not (yet), as much as makes a product one that is bought again.
        CASE r.action WHEN 'buy_again' THEN greatest(q.repeat_share, 0.25) ELSE coalesce(q.repeat_share, 0) END AS repeat_share
      FROM (
        SELECT u.product_id, u.last_bought, u.purchases >= v_how.habit_purchases AND u.last_bought >= u.first_bought + interval '24 hours' AS is_habit,
          (date_part('epoch', u.last_bought - u.first_bought) / 86400 / nullif(u.purchases - 1, 0))::real AS own_days,
          u.times
        FROM (
          -- Seen from the customer's own last purchase, so that waiting changes nobody's habits, nor the last digit of an answer; of a clock
          -- that ran ahead only what has come counts as last.
          SELECT o.product_id, max(o.event_timestamp) AS last_bought, min(o.event_timestamp) AS first_bought, count(*) AS purchases,
            sum(power(0.5, least(100, greatest(0, date_part('epoch', o.newest - o.event_timestamp)) / (86400 * v_how.repeat_half_life_days)))) AS times
          FROM (
            SELECT e.product_id, e.event_timestamp, least(v_now, max(e.event_timestamp) OVER ()) AS newest
            FROM app_schema.events e
            WHERE e.event_type = 'purchase' AND e.user_id = p_user_id AND e.product_id IS NOT NULL AND e.event_timestamp < v_until
          ) o
          GROUP BY o.product_id
        ) u
      ) t
      LEFT JOIN app_schema.product_popularity q ON q.model_run_id = v_how.model_run_id AND q.product_id = t.product_id
      LEFT JOIN LATERAL (
        SELECT s.action, s.interval_days
        FROM app_schema.products p JOIN app_schema.recommendation_rules s
          ON s.action IN ('buy_again', 'buy_once') AND (s.product_id IS NULL OR s.product_id = p.product_id) AND (s.category IS NULL OR s.category = p.category)
        WHERE v_has_rules AND p.product_id = t.product_id
        ORDER BY s.product_id NULLS LAST, s.rule_id DESC
        LIMIT 1
      ) r ON true
    ) x
  ) b;

  RETURN QUERY SELECT * FROM app_schema.rank_products(
    'user', v_how.model_run_id, p_limit, v_options, v_ids, v_weights, v_total, v_bought_ids, coalesce(v_blocked_ids, '{}'), '',
    coalesce(v_due_ids, '{}'), coalesce(v_due_scores, '{}'), v_due_days
  );
END
$function$;

CREATE OR REPLACE FUNCTION app_schema.get_session_recommendations(p_product_ids integer[], p_limit integer DEFAULT 10, p_options jsonb DEFAULT '{}')
RETURNS TABLE (
  rank integer, product_id integer, name varchar, category varchar, price numeric, score double precision, reason_code text, reason text,
  reason_product_id integer, reason_weight double precision, model_run_id bigint
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET plan_cache_mode = force_generic_plan
AS $function$
DECLARE
  v_options app_schema.recommendation_options;
  v_run bigint;
  v_how app_schema.recommenders;
  v_ids integer[];
  v_weights double precision[];
  v_total double precision;
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  v_options := app_schema.read_recommendation_options(p_options);
  v_run := coalesce(v_options.model_run_id, app_schema.get_recommender_of());
  SELECT * INTO v_how FROM app_schema.recommenders c WHERE c.model_run_id = v_run;
  IF v_how.model_run_id IS NULL THEN
    RETURN;
  END IF;
  SELECT array_agg(w.id), array_agg(w.weight), sum(w.weight) INTO v_ids, v_weights, v_total
  FROM (
    -- Each step back in the session says a fifth less: what is on the screen now is what is sought.
    SELECT l.id, power(0.8::double precision, row_number() OVER (ORDER BY l.last_place DESC) - 1) AS weight
    FROM (SELECT u.id, max(u.place) AS last_place FROM unnest(p_product_ids) WITH ORDINALITY u (id, place) WHERE u.id IS NOT NULL GROUP BY u.id) l
    ORDER BY l.last_place DESC
    LIMIT v_how.history_products
  ) w;
  RETURN QUERY SELECT * FROM app_schema.rank_products(
    'session', v_how.model_run_id, p_limit, v_options, v_ids, v_weights, v_total, NULL, array_remove(coalesce(p_product_ids, '{}'), NULL)
  );
END
$function$;

CREATE OR REPLACE FUNCTION app_schema.get_similar_products(p_product_id integer, p_limit integer DEFAULT 10, p_options jsonb DEFAULT '{}')
RETURNS TABLE (
  rank integer, product_id integer, name varchar, category varchar, price numeric, score double precision, reason_code text, reason text,
  reason_product_id integer, reason_weight double precision, model_run_id bigint
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
DECLARE
  v_options app_schema.recommendation_options;
  v_run bigint;
  v_category varchar;
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  v_options := app_schema.read_recommendation_options(p_options);
  v_run := coalesce(v_options.model_run_id, app_schema.get_recommender_of());
  SELECT coalesce(p.category, '') INTO v_category FROM app_schema.products p WHERE p.product_id = p_product_id;
  IF NOT FOUND OR v_run IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT * FROM app_schema.rank_products(
    'similar', v_run, p_limit, v_options, ARRAY[p_product_id], ARRAY[1::double precision], 1, NULL, ARRAY[p_product_id], v_category
  );
END
$function$;

CREATE OR REPLACE FUNCTION app_schema.get_bought_together(p_product_ids integer[], p_limit integer DEFAULT 10, p_options jsonb DEFAULT '{}')
RETURNS TABLE (
  rank integer, product_id integer, name varchar, category varchar, price numeric, score double precision, reason_code text, reason text,
  reason_product_id integer, reason_weight double precision, model_run_id bigint
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
DECLARE
  v_options app_schema.recommendation_options;
  v_run bigint;
  v_ids integer[] := ARRAY(SELECT DISTINCT u.id FROM unnest(p_product_ids) u (id) WHERE u.id IS NOT NULL ORDER BY 1 LIMIT 200);
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  v_options := app_schema.read_recommendation_options(p_options);
  v_run := coalesce(v_options.model_run_id, app_schema.get_recommender_of());
  IF v_run IS NULL OR v_ids = '{}' THEN
    RETURN;
  END IF;
  -- NULL is the name of no list: what is popular does not fill this one up.
  RETURN QUERY SELECT * FROM app_schema.rank_products(
    'bought_together', v_run, p_limit, v_options, v_ids, array_fill(1::double precision, ARRAY[cardinality(v_ids)]), cardinality(v_ids), NULL,
    array_remove(p_product_ids, NULL), NULL
  );
END
$function$;
