-- Lists for less again: what needs no look-up gets none, each row of weights is read once, and less is made ready for each list.

CREATE OR REPLACE FUNCTION app_schema.read_recommendation_options(p_options jsonb) RETURNS app_schema.recommendation_options
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
DECLARE
  v_given jsonb := coalesce(p_options, '{}');
  v_bad record;
  v_read app_schema.recommendation_options;
BEGIN
  IF jsonb_typeof(v_given) <> 'object' THEN
    RAISE EXCEPTION 'the options must be a JSON object' USING ERRCODE = 'CA002', HINT = '{} is none; the database guide lists them.';
  END IF;
  -- Most lists are asked for without: the statement below takes them four times as long.
  IF v_given = '{}' THEN
    SELECT 'en', NULL, NULL, '{}', NULL, coalesce(s.recommendation_diversity, 0), s.recommendation_max_per_category, NULL, NULL,
      coalesce(s.recommendation_in_stock, true), true, s.recommendation_buy_again_share
    INTO v_read
    FROM (VALUES (true)) one (setting_id) LEFT JOIN app_schema.settings s USING (setting_id);
    RETURN v_read;
  END IF;
  SELECT string_agg(o.key, ', ' ORDER BY o.key) FILTER (WHERE o.must_be IS NULL) AS unknown,
    min(format('%s must be %s, not %s', o.key, o.must_be, o.value)) FILTER (WHERE o.must_be <> '') AS wrong
  INTO v_bad
  FROM (SELECT g.key, g.value, app_schema.check_recommendation_option(g.key, g.value) AS must_be FROM jsonb_each(v_given) g) o;
  IF v_bad.unknown IS NOT NULL THEN
    RAISE EXCEPTION 'unknown option: %', v_bad.unknown USING ERRCODE = 'CA002',
      HINT = 'Options are language, category, as_of, exclude_product_ids, model_run_id, diversity, max_per_category, min_price, max_price, in_stock, buy_again.';
  ELSIF v_bad.wrong IS NOT NULL THEN
    RAISE EXCEPTION '%', v_bad.wrong USING ERRCODE = 'CA002', HINT = 'The database guide lists the options with examples.';
  END IF;
  SELECT coalesce(v_given ->> 'language', 'en'), v_given ->> 'category', app_schema.end_of_as_of(v_given ->> 'as_of'),
    ARRAY(
      SELECT x::numeric::integer FROM jsonb_array_elements_text(coalesce(nullif(v_given -> 'exclude_product_ids', 'null'), '[]')) x
      WHERE x::numeric BETWEEN 1 AND 2147483647 AND x::numeric % 1 = 0
    ),
    (v_given ->> 'model_run_id')::bigint, coalesce((v_given ->> 'diversity')::double precision, s.recommendation_diversity, 0),
    coalesce((v_given ->> 'max_per_category')::integer, s.recommendation_max_per_category),
    (v_given ->> 'min_price')::numeric, (v_given ->> 'max_price')::numeric,
    coalesce((v_given ->> 'in_stock')::boolean, s.recommendation_in_stock, true), coalesce((v_given ->> 'buy_again')::boolean, true),
    s.recommendation_buy_again_share
  INTO v_read
  FROM (VALUES (true)) one (setting_id) LEFT JOIN app_schema.settings s USING (setting_id);
  IF v_read.model_run_id IS NOT NULL AND NOT EXISTS (SELECT FROM app_schema.recommenders c WHERE c.model_run_id = v_read.model_run_id) THEN
    RAISE EXCEPTION 'run % has no published recommendations', v_read.model_run_id
      USING ERRCODE = 'CA002', HINT = 'SELECT * FROM app_schema.recommenders shows the runs that have.';
  END IF;
  RETURN v_read;
END
$function$;
CREATE OR REPLACE FUNCTION app_schema.get_recommender_of(p_user_id integer DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
DECLARE
  v_run bigint;
BEGIN
  IF p_user_id IS NOT NULL AND EXISTS (SELECT FROM app_schema.recommendation_experiments x WHERE x.stopped_at IS NULL) THEN
    SELECT c.model_run_id INTO v_run
    FROM app_schema.recommendation_experiments x
    JOIN app_schema.recommenders c ON c.model_run_id
      = CASE app_schema.get_experiment_arm(p_user_id, x.name, x.share) WHEN 'treatment' THEN x.treatment_run ELSE x.control_run END
    JOIN app_schema.model_runs r ON r.model_run_id = c.model_run_id AND r.status <> 'retired'
    WHERE x.stopped_at IS NULL;
  END IF;
  IF v_run IS NULL THEN
    SELECT r.model_run_id INTO v_run
    FROM app_schema.model_runs r
    WHERE r.kind = 'recommendations' AND r.status = 'promoted'
      AND EXISTS (SELECT FROM app_schema.recommenders c WHERE c.model_run_id = r.model_run_id)
    ORDER BY r.as_of DESC, r.model_run_id DESC
    LIMIT 1;
  END IF;
  RETURN v_run;
END
$function$;

DROP FUNCTION app_schema.read_weights(text, bigint, integer[], double precision[], double precision);

CREATE FUNCTION app_schema.read_weights(
  p_kind text, p_model_run_id bigint, p_source_ids integer[], p_source_weights double precision[], p_total double precision
) RETURNS TABLE (source_id integer, weight double precision, mark double precision, ids integer[], weights real[], collaborative integer)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT s.product_id, s.weight / p_total, (1024 - s.place)::double precision,
    CASE WHEN p_kind = 'similar' AND n.similar_ids <> '{}' THEN n.similar_ids
      WHEN p_kind = 'bought_together' THEN n.neighbour_ids[:n.collaborative] ELSE n.neighbour_ids[:x.most] END,
    CASE WHEN p_kind = 'similar' AND n.similar_ids <> '{}' THEN n.similarities
      WHEN p_kind = 'bought_together' THEN n.weights[:n.collaborative] ELSE n.weights[:x.most] END,
    CASE WHEN p_kind = 'similar' AND n.similar_ids <> '{}' THEN 0 ELSE n.collaborative END
  FROM unnest(p_source_ids, p_source_weights) WITH ORDINALITY s (product_id, weight, place)
  JOIN app_schema.product_neighbours n ON n.model_run_id = p_model_run_id AND n.product_id = s.product_id
  CROSS JOIN LATERAL (SELECT greatest(10, ceil(cardinality(n.neighbour_ids) * s.weight / p_source_weights[1]))::integer AS most OFFSET 0) x
$function$;
COMMENT ON FUNCTION app_schema.read_weights(text, bigint, integer[], double precision[], double precision) IS
  'The rows of weights that a list is made of, of sources whose first is the weightiest; p_total is what their weights are divided by, mark their number counted down from 1023. Of a history the row of each as far as its share of the weightiest, 10 at least; of a basket what was taken together, of a product what is like it (where nothing is known of that, what was taken together)';

CREATE OR REPLACE FUNCTION app_schema.rank_products(
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
  v_has_includes boolean := false;
  v_has_excludes boolean := false;
  v_has_boosts boolean := false;
  v_has_pins boolean := false;
  v_pin_count integer := 0;
  v_banned integer[] := p_banned_ids || p_options.excluded_ids;
  -- So many best ones are ranked by all that counts; where the ranking is rearranged, it needs more to choose from.
  v_pool integer;
  v_popular integer;
  -- So many of the head are sorted and looked up, beside those that are candidates whatever their sum; more where too many of them may not
  -- be recommended. NULL: all.
  v_head integer;
  v_extra integer;
  v_head_ids integer[];
  v_head_scores double precision[];
  v_head_marks double precision[];
  v_head_trending text[];
  -- So many that may be recommended are looked for in the head. NULL: as many as there are.
  v_most integer;
  v_walked integer;
  v_order integer[];
  v_due_places integer;
  v_is_arranged boolean;
  v_is_too_much_due boolean;
  v_popularity_weight double precision;
  v_ids integer[];
  v_scores double precision[];
  v_days real[];
  v_pins integer[];
  v_categories text[];
  v_trending text[];
  -- On top of the sum of what is a candidate whatever its sum, a power of two far above all sums.
  c_extra CONSTANT double precision := 65536;
BEGIN
  IF EXISTS (SELECT FROM app_schema.recommendation_rules) THEN
    SELECT coalesce(bool_or(r.action = 'include'), false), coalesce(bool_or(r.action = 'exclude'), false),
      coalesce(bool_or(r.action = 'boost'), false), CASE WHEN v_for_person THEN count(*) FILTER (WHERE r.action = 'pin') ELSE 0 END
    INTO v_has_includes, v_has_excludes, v_has_boosts, v_pin_count
    FROM app_schema.recommendation_rules r;
    v_has_pins := v_pin_count > 0;
  END IF;
  SELECT c.popularity_weight, ceil(p_limit * coalesce(p_options.buy_again_share, c.buy_again_share))
  INTO v_popularity_weight, v_due_places
  FROM app_schema.recommenders c WHERE c.model_run_id = p_model_run_id;
  v_pool := CASE
    WHEN v_cap IS NOT NULL THEN greatest(300, 6 * least(p_limit, 1000))
    WHEN v_has_boosts OR p_options.diversity > 0 THEN greatest(100, 2 * least(p_limit, 1000))
    ELSE 10 + 2 * least(p_limit, 1000)
  END;
  v_popular := CASE WHEN v_cap IS NOT NULL OR p_options.diversity > 0 THEN greatest(100, least(p_limit, 1000)) ELSE least(p_limit, 1000) END;
  v_head := CASE WHEN v_category IS NULL AND v_min_price IS NULL AND v_max_price IS NULL AND NOT v_has_includes THEN v_pool + 10 END;
  v_extra := v_popular + cardinality(p_due_ids) + v_pin_count;
  v_is_arranged := v_has_pins OR v_cap IS NOT NULL OR p_options.diversity > 0;
  v_is_too_much_due := cardinality(p_due_ids) > v_due_places;
  v_most := CASE WHEN NOT (v_is_arranged OR v_is_too_much_due OR v_has_boosts) THEN p_limit END;

  LOOP
    SELECT array_agg(f.id), array_agg(f.score), array_agg(f.mark), array_agg(f.trending)
    INTO v_head_ids, v_head_scores, v_head_marks, v_head_trending
    FROM (
      SELECT h.id, h.sum - c_extra * round(h.sum / c_extra) + v_popularity_weight * coalesce(q.popularity, 0) AS score, h.mark, q.trending
      FROM (
        SELECT c.id, sum(c.part) AS sum, max(c.mark) AS mark
        FROM (
          -- The largest mark says which source adds most: the part in steps of 2^-30, and below that its place in the history.
          SELECT w.id, w.part, floor(w.part * 1073741824) * 1024 + w.mark AS mark
          FROM (
            SELECT unnest(w.ids) AS id, w.weight * unnest(w.weights) AS part, w.mark
            FROM app_schema.read_weights(p_kind, p_model_run_id, p_source_ids, p_source_weights, p_total) w
          ) w
          -- Candidates whatever their sum: what is popular, due again or pinned. And what never is one.
          UNION ALL SELECT unnest(p_due_ids), c_extra + unnest(p_due_scores), '-infinity'
          UNION ALL (
            SELECT t.id, c_extra, '-infinity'
            FROM app_schema.popular_products l
            CROSS JOIN LATERAL unnest(l.product_ids[:CASE WHEN v_head IS NULL THEN 500 ELSE v_popular + cardinality(v_banned) END]) WITH ORDINALITY t (id, place)
            WHERE l.model_run_id = p_model_run_id AND l.period = 'recent' AND l.category = CASE WHEN p_popular_in IS NOT NULL THEN coalesce(v_category, p_popular_in) END
              AND t.id NOT IN (SELECT unnest(v_banned))
            ORDER BY t.place
            LIMIT CASE WHEN v_head IS NOT NULL THEN v_popular END
          )
          UNION ALL SELECT r.product_id, c_extra, '-infinity' FROM app_schema.recommendation_rules r WHERE v_has_pins AND r.action = 'pin'
          UNION ALL SELECT unnest(v_banned), '-infinity', '-infinity'
        ) c
        GROUP BY c.id
        HAVING sum(c.part) > 0
        ORDER BY sum(c.part) DESC, c.id
        LIMIT v_head + v_extra
      ) h
      LEFT JOIN app_schema.product_popularity q ON q.model_run_id = p_model_run_id AND q.product_id = h.id
      ORDER BY score DESC, h.id
    ) f;
    SELECT array_agg(f.id), array_agg(f.score), array_agg(f.category), array_agg(f.trending), max(f.place)
    INTO v_ids, v_scores, v_categories, v_trending, v_walked
    FROM (
      SELECT h.id, h.score, h.trending, h.place, p.category
      FROM unnest(v_head_ids, v_head_scores, v_head_trending) WITH ORDINALITY h (id, score, trending, place)
      CROSS JOIN LATERAL app_schema.find_recommendable(h.id, v_category, v_min_price, v_max_price, v_in_stock, v_has_includes, v_has_excludes) p
      ORDER BY h.place
      LIMIT v_most
    ) f;
    EXIT WHEN v_head IS NULL OR coalesce(cardinality(v_head_ids), 0) < v_head + v_extra
      OR CASE WHEN v_most IS NULL THEN cardinality(v_ids) >= v_pool ELSE coalesce(cardinality(v_ids), 0) = v_most AND v_walked - v_most <= 10 END;
    v_head := CASE WHEN v_head < 1000 THEN 8 * v_head END;
  END LOOP;
  IF v_ids IS NULL THEN
    RETURN;
  END IF;
  -- Few shops have boosts: in the query above, they would be made ready for each list.
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
  ELSIF v_is_too_much_due THEN
    -- As arrange_products does, which for this alone would cost five times as much.
    SELECT array_agg(f.id), array_agg(f.score), array_agg(f.trending) INTO v_ids, v_scores, v_trending
    FROM (
      SELECT o.id, o.score, o.trending
      FROM (
        SELECT u.*, u.is_due AND row_number() OVER (PARTITION BY u.is_due ORDER BY u.place) > v_due_places AS in_excess
        FROM (
          SELECT t.*, t.id = ANY (p_due_ids) AS is_due FROM unnest(v_ids, v_scores, v_trending) WITH ORDINALITY t (id, score, trending, place)
        ) u
      ) o
      ORDER BY o.in_excess, o.place
      LIMIT p_limit
    ) f;
  ELSE
    v_ids := v_ids[:p_limit];
    v_scores := v_scores[:p_limit];
    v_trending := v_trending[:p_limit];
  END IF;

  RETURN QUERY
    SELECT o.rank::integer, o.id, CASE v_language WHEN 'ru' THEN coalesce(t.attributes ->> 'name_ru', t.name) ELSE t.name END::varchar, t.category,
      t.price, o.score, CASE WHEN r.code LIKE 'popular%' THEN 'popular' ELSE r.code END,
      replace(app_schema.reason_text(r.code, v_language), '%s', coalesce(
        CASE WHEN r.code = 'buy_again' THEN round(d.days)::text WHEN v_language = 'ru' THEN coalesce(s.attributes ->> 'name_ru', s.name) ELSE s.name END, '')),
      r.because_id, CASE WHEN r.because_id IS NOT NULL THEN b.part END, p_model_run_id
    FROM unnest(v_ids, v_scores, v_pins, v_trending) WITH ORDINALITY o (id, score, position, trending, rank)
    CROSS JOIN LATERAL (
      SELECT p_due_days[array_position(p_due_ids, o.id)] AS days, v_head_marks[array_position(v_head_ids, o.id)] AS mark OFFSET 0
    ) d
    JOIN app_schema.products t ON t.product_id = o.id
    LEFT JOIN LATERAL (
      SELECT w.source_id, w.weight * w.weights[x.place] AS part, x.place > w.collaborative AS is_content
      FROM (SELECT (1024 - (d.mark - 1024 * floor(d.mark / 1024)))::integer AS place WHERE d.mark > 0 OFFSET 0) m
      CROSS JOIN LATERAL app_schema.read_weights(
        p_kind, p_model_run_id, p_source_ids[m.place:m.place], p_source_weights[m.place:m.place], p_total
      ) w
      CROSS JOIN LATERAL (SELECT array_position(w.ids, o.id) AS place OFFSET 0) x
      WHERE w.weights[x.place] > 0
    ) b ON o.position IS NULL AND d.days IS NULL
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
  v_run := coalesce(v_options.model_run_id, app_schema.get_recommender_of(p_user_id));
  SELECT * INTO v_how FROM app_schema.recommenders c
  WHERE c.model_run_id = v_run AND EXISTS (SELECT FROM app_schema.users u WHERE u.user_id = p_user_id);
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
          CASE WHEN g.bought_at > g.back_at THEN least(100, date_part('epoch', n.newest - g.bought_at) / (86400 * v_how.half_life_days)) END AS bought_age,
          CASE WHEN g.carted_at > g.back_at THEN least(100, date_part('epoch', n.newest - g.carted_at) / (86400 * v_how.half_life_days)) END AS carted_age,
          CASE WHEN g.viewed_at > g.back_at THEN least(100, date_part('epoch', n.newest - g.viewed_at) / (86400 * v_how.half_life_days)) END AS viewed_age
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
        CROSS JOIN (SELECT (
          SELECT e.event_timestamp
          FROM app_schema.events e
          WHERE e.user_id = p_user_id AND e.event_timestamp < v_until AND e.product_id IS NOT NULL
            AND e.event_type IN ('view', 'add_to_cart', 'purchase', 'refund')
          ORDER BY e.event_timestamp DESC
          LIMIT 1
        ) AS newest OFFSET 0) n
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

-- The moment of the last use is looked at before it is written: an UPDATE that finds nothing to do was made ready for each request.
CREATE OR REPLACE FUNCTION access_control.find_api_key(p_key_hash bytea)
RETURNS TABLE (key_id bigint, scope text, name text, source text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  v_last_used_at timestamptz;
BEGIN
  SELECT k.key_id, k.scope, k.name, k.source, k.last_used_at INTO key_id, scope, name, source, v_last_used_at
  FROM access_control.api_keys k
  WHERE k.key_hash = p_key_hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp());
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF v_last_used_at IS NULL OR v_last_used_at < clock_timestamp() - interval '1 minute' THEN
    -- At most once a minute, and never waiting for another request that does the same.
    UPDATE access_control.api_keys k SET last_used_at = clock_timestamp()
    WHERE k.key_id = (
      SELECT f.key_id FROM access_control.api_keys f
      WHERE f.key_hash = p_key_hash AND (f.last_used_at IS NULL OR f.last_used_at < clock_timestamp() - interval '1 minute')
      FOR NO KEY UPDATE SKIP LOCKED
    );
  END IF;
  RETURN NEXT;
END
$function$;
