-- The lists themselves. One engine, rank_products, ranks for all of them; what goes in differs: a customer's history, a visitor's
-- session, a basket, a product.

ALTER TABLE app_schema.recommenders
  ADD COLUMN repeat_power double precision NOT NULL DEFAULT 0 CHECK (repeat_power >= 0),
  ADD COLUMN repeat_share_power double precision NOT NULL DEFAULT 1 CHECK (repeat_share_power >= 0),
  ADD COLUMN repeat_half_life_days double precision NOT NULL DEFAULT 90 CHECK (repeat_half_life_days > 0),
  ADD COLUMN habit_purchases integer CHECK (habit_purchases >= 2),
  ADD COLUMN buy_again_share double precision NOT NULL DEFAULT 0.5 CHECK (buy_again_share BETWEEN 0 AND 1);
COMMENT ON COLUMN app_schema.recommenders.repeat_weight IS
  'Times the share of buyers who buy a product again ^ repeat_share_power, times the customer''s own purchases of it ^ repeat_power: the score of what is due again';
COMMENT ON COLUMN app_schema.recommenders.repeat_power IS '0: how often the customer bought the product counts for nothing; 1: as often as it was';
COMMENT ON COLUMN app_schema.recommenders.repeat_share_power IS '0: how many others buy the product again counts for nothing; 1: the share of its buyers as it is';
COMMENT ON COLUMN app_schema.recommenders.repeat_half_life_days IS 'The customer''s own purchases of a product count half this many days before their last purchase of anything';
COMMENT ON COLUMN app_schema.recommenders.habit_purchases IS
  'Who bought a product so many times, over a day or more, buys it again by their own habit, whatever others do; NULL: habits of one customer do not count';
COMMENT ON COLUMN app_schema.recommenders.buy_again_share IS 'What is due again stands first in this part of a list at most, where the shop has not set a part in settings';

CREATE FUNCTION app_schema.read_weights(p_kind text, p_model_run_id bigint, p_source_ids integer[], p_source_weights double precision[])
RETURNS TABLE (source_id integer, weight double precision, ids integer[], weights real[], collaborative integer)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT s.product_id, s.weight,
    CASE WHEN p_kind = 'similar' AND n.similar_ids <> '{}' THEN n.similar_ids
      WHEN p_kind = 'bought_together' THEN n.neighbour_ids[:n.collaborative] ELSE n.neighbour_ids END,
    CASE WHEN p_kind = 'similar' AND n.similar_ids <> '{}' THEN n.similarities
      WHEN p_kind = 'bought_together' THEN n.weights[:n.collaborative] ELSE n.weights END,
    CASE WHEN p_kind = 'similar' AND n.similar_ids <> '{}' THEN 0 ELSE n.collaborative END
  FROM unnest(p_source_ids, p_source_weights) s (product_id, weight)
  JOIN app_schema.product_neighbours n ON n.model_run_id = p_model_run_id AND n.product_id = s.product_id
$function$;
COMMENT ON FUNCTION app_schema.read_weights(text, bigint, integer[], double precision[]) IS
  'The rows of weights that a list is made of: of a basket what was taken together, of a product what is like it (where nothing is known of that, what was taken together)';

CREATE FUNCTION app_schema.diversify(
  p_model_run_id bigint, p_ids integer[], p_scores double precision[], p_categories text[], p_limit integer, p_diversity double precision
) RETURNS integer[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
DECLARE
  v_count integer := cardinality(p_ids);
  v_relevance double precision[];
  v_likeness double precision[] := array_fill(0::double precision, ARRAY[cardinality(p_ids)]);
  v_left boolean[] := array_fill(true, ARRAY[cardinality(p_ids)]);
  v_order integer[] := '{}';
  v_best integer;
  v_best_value double precision;
  v_value double precision;
  v_ids integer[];
  v_weights real[];
  v_at integer;
BEGIN
  v_relevance := ARRAY(
    SELECT coalesce((u.score - min(u.score) OVER ()) / nullif(max(u.score) OVER () - min(u.score) OVER (), 0), 1)
    FROM unnest(p_scores) WITH ORDINALITY u (score, place) ORDER BY u.place
  );
  WHILE cardinality(v_order) < least(p_limit, v_count) LOOP
    v_best := NULL;
    FOR i IN 1 .. v_count LOOP
      CONTINUE WHEN NOT v_left[i];
      v_value := (1 - p_diversity) * v_relevance[i] - p_diversity * v_likeness[i];
      IF v_best IS NULL OR v_value > v_best_value THEN
        v_best := i;
        v_best_value := v_value;
      END IF;
    END LOOP;
    v_order := v_order || v_best;
    v_left[v_best] := false;
    SELECT n.neighbour_ids, n.weights INTO v_ids, v_weights
    FROM app_schema.product_neighbours n WHERE n.model_run_id = p_model_run_id AND n.product_id = p_ids[v_best];
    FOR i IN 1 .. v_count LOOP
      CONTINUE WHEN NOT v_left[i];
      v_at := array_position(v_ids, p_ids[i]);
      v_likeness[i] := greatest(
        v_likeness[i], CASE WHEN p_categories[i] = p_categories[v_best] THEN 0.5 ELSE 0 END,
        -- Lists are in the order of their weights: the first is what is most like it.
        CASE WHEN v_at IS NOT NULL AND v_weights[1] > 0 THEN v_weights[v_at] / v_weights[1] ELSE 0 END
      );
    END LOOP;
  END LOOP;
  RETURN v_order;
END
$function$;
COMMENT ON FUNCTION app_schema.diversify(bigint, integer[], double precision[], text[], integer, double precision) IS
  'Maximal marginal relevance (Carbonell & Goldstein 1998): places in p_ids, next always the one with the largest (1 - d) relevance - d likeness to what stands higher; likeness is the weight between the two, at least 0.5 within a category. Cost: p_limit times candidates';

-- Apart from the ranking because most lists need none of it: nothing pinned, no cap, and no more due again than may stand first.
CREATE FUNCTION app_schema.arrange_products(
  p_model_run_id bigint, p_limit integer, p_ids integer[], p_scores double precision[], p_days real[], p_positions integer[], p_categories text[],
  p_due_places integer, p_cap integer, p_diversity double precision
) RETURNS integer[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET plan_cache_mode = force_generic_plan
AS $function$
DECLARE
  v_places integer[];
  v_order integer[];
BEGIN
  WITH placed AS (
    SELECT u.*, u.days IS NOT NULL AND row_number() OVER (PARTITION BY u.days IS NULL ORDER BY u.score DESC, u.id) > p_due_places AS in_excess
    FROM unnest(p_ids, p_scores, p_days, p_positions, p_categories) WITH ORDINALITY u (id, score, days, position, category, place)
  ), capped AS (
    SELECT p.*, row_number() OVER (ORDER BY p.position IS NOT NULL, p.in_excess, p.score DESC, p.id) AS free_place,
      CASE WHEN p_cap IS NOT NULL AND p.category IS NOT NULL
        THEN row_number() OVER (PARTITION BY p.position IS NULL, p.category ORDER BY p.in_excess, p.score DESC, p.id) ELSE 1 END AS of_category
    FROM placed p
  )
  SELECT array_agg(f.place) INTO v_places
  FROM (
    SELECT k.place FROM capped k
    WHERE k.position IS NOT NULL OR p_cap IS NULL OR k.of_category <= p_cap
    ORDER BY k.position NULLS LAST, k.free_place
    -- A rule pins to one of a hundred positions.
    LIMIT CASE WHEN p_diversity > 0 THEN greatest(100, p_limit) ELSE p_limit::bigint + 100 END
  ) f;
  IF p_diversity > 0 THEN
    -- Beyond a hundred nobody looks, and each place costs a walk through all candidates.
    v_order := app_schema.diversify(
      p_model_run_id, ARRAY(SELECT p_ids[u.place] FROM unnest(v_places) WITH ORDINALITY u (place, n) ORDER BY u.n),
      ARRAY(SELECT p_scores[u.place] FROM unnest(v_places) WITH ORDINALITY u (place, n) ORDER BY u.n),
      ARRAY(SELECT p_categories[u.place] FROM unnest(v_places) WITH ORDINALITY u (place, n) ORDER BY u.n), least(p_limit, 100), p_diversity
    );
  END IF;
  RETURN ARRAY(
    SELECT t.place
    FROM (
      SELECT u.place, u.n, p_positions[u.place] AS position,
        row_number() OVER (PARTITION BY p_positions[u.place] IS NULL ORDER BY coalesce(m.n, 1000000000), u.n) AS free_place,
        row_number() OVER (PARTITION BY p_positions[u.place] IS NULL ORDER BY p_positions[u.place], u.n) - 1 AS pins_before
      FROM unnest(v_places) WITH ORDINALITY u (place, n)
      LEFT JOIN unnest(v_order) WITH ORDINALITY m (was, n) ON m.was = u.n
    ) t
    ORDER BY CASE WHEN t.position IS NULL THEN t.free_place ELSE t.position - t.pins_before - 0.5 END, t.position, t.n
    LIMIT p_limit
  );
END
$function$;
COMMENT ON FUNCTION app_schema.arrange_products(bigint, integer, integer[], double precision[], real[], integer[], text[], integer, integer, double precision) IS
  'The best p_limit as places in p_ids, after what moves them: pinned positions, at most p_due_places first that are due again, p_cap of a category, diversity';

CREATE FUNCTION app_schema.rank_products(
  p_kind text, p_model_run_id bigint, p_limit integer, p_options app_schema.recommendation_options, p_source_ids integer[],
  p_source_weights double precision[], p_bought_ids integer[], p_banned_ids integer[], p_popular_in varchar DEFAULT '',
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
  v_is_enough boolean;
  v_extra integer[];
  v_due_places integer;
  v_is_arranged boolean;
  v_needs_product boolean;
  v_popularity_weight double precision;
  v_ids integer[];
  v_scores double precision[];
  v_days real[];
  v_pins integer[];
  v_categories text[];
  v_trending text[];
BEGIN
  SELECT coalesce(bool_or(r.action = 'include'), false), coalesce(bool_or(r.action = 'exclude'), false), coalesce(bool_or(r.action = 'boost'), false),
    coalesce(bool_or(r.action = 'pin'), false) AND v_for_person
  INTO v_has_includes, v_has_excludes, v_has_boosts, v_has_pins
  FROM app_schema.recommendation_rules r;
  v_pool := CASE
    WHEN v_cap IS NOT NULL THEN greatest(300, 6 * least(p_limit, 1000))
    WHEN v_has_boosts OR p_options.diversity > 0 THEN greatest(100, 2 * least(p_limit, 1000))
    ELSE 10 + 3 * least(p_limit, 1000)
  END;
  v_popular := CASE WHEN v_cap IS NOT NULL OR p_options.diversity > 0 THEN greatest(100, p_limit) ELSE p_limit END;
  v_head := CASE
    WHEN v_category IS NULL AND v_min_price IS NULL AND v_max_price IS NULL AND NOT v_has_includes
      THEN v_pool + 10 + cardinality(v_banned)
  END;
  SELECT c.popularity_weight, ceil(p_limit * coalesce(p_options.buy_again_share, c.buy_again_share)) INTO v_popularity_weight, v_due_places
  FROM app_schema.recommenders c WHERE c.model_run_id = p_model_run_id;
  v_is_arranged := v_has_pins OR v_cap IS NOT NULL OR p_options.diversity > 0 OR cardinality(p_due_ids) > v_due_places;
  v_needs_product := v_has_boosts OR v_cap IS NOT NULL OR p_options.diversity > 0;

  -- Candidates whatever their sum: what is popular, due again or pinned.
  v_extra := ARRAY(
    SELECT o.id
    FROM (
      SELECT w.id
      FROM (
        SELECT t.id, t.place
        FROM app_schema.popular_products l
        CROSS JOIN LATERAL unnest(l.product_ids[:CASE WHEN v_head IS NULL THEN 500 ELSE 4 * v_pool + cardinality(v_banned) END]) WITH ORDINALITY t (id, place)
        WHERE l.model_run_id = p_model_run_id AND l.period = 'recent' AND l.category = CASE WHEN p_popular_in IS NOT NULL THEN coalesce(v_category, p_popular_in) END
          AND t.id NOT IN (SELECT unnest(v_banned))
        ORDER BY t.place
      ) w
      CROSS JOIN LATERAL app_schema.find_recommendable(w.id, v_category, v_min_price, v_max_price, v_in_stock, v_has_includes, v_has_excludes)
      ORDER BY w.place
      LIMIT v_popular
    ) o
    UNION
    SELECT o.id
    FROM (
      SELECT d.id FROM unnest(p_due_ids) d (id)
      UNION ALL SELECT r.product_id FROM app_schema.recommendation_rules r WHERE v_has_pins AND r.action = 'pin'
    ) o
    CROSS JOIN LATERAL app_schema.find_recommendable(o.id, v_category, v_min_price, v_max_price, v_in_stock, v_has_includes, v_has_excludes)
    WHERE o.id NOT IN (SELECT unnest(v_banned))
  );

  LOOP
    WITH head AS MATERIALIZED (
      SELECT s.id, s.score
      FROM (
        SELECT c.id, sum(c.part) AS score
        FROM (
          SELECT unnest(w.ids) AS id, w.weight * unnest(w.weights) AS part
          FROM app_schema.read_weights(p_kind, p_model_run_id, p_source_ids, p_source_weights) w
        ) c
        GROUP BY c.id
      ) s
      -- Their sums come with the head, so that the 1,500 or so of a usual history are not kept to be looked into a second time.
      ORDER BY CASE WHEN s.id IN (SELECT unnest(v_extra)) THEN 'infinity' ELSE s.score END DESC, s.id
      LIMIT v_head + cardinality(v_extra)
    ), best AS MATERIALIZED (
      SELECT o.id
      FROM (SELECT h.id, h.score FROM head h WHERE h.score > 0 AND h.id NOT IN (SELECT unnest(v_banned)) ORDER BY h.score DESC, h.id) o
      CROSS JOIN LATERAL app_schema.find_recommendable(o.id, v_category, v_min_price, v_max_price, v_in_stock, v_has_includes, v_has_excludes)
      ORDER BY o.score DESC, o.id
      LIMIT v_pool
    )
    SELECT array_agg(f.id), array_agg(f.score), array_agg(f.days), array_agg(f.position), array_agg(f.category), array_agg(f.trending),
      v_head IS NULL OR (SELECT count(*) FROM best) >= v_pool OR (SELECT count(*) FROM head) < v_head + cardinality(v_extra)
    INTO v_ids, v_scores, v_days, v_pins, v_categories, v_trending, v_is_enough
    FROM (
      SELECT c.id, d.days, i.position, p.category, q.trending,
        (coalesce(s.score, 0) + coalesce(d.score, 0) + v_popularity_weight * coalesce(q.popularity, 0)) * CASE WHEN v_has_boosts THEN (
          SELECT coalesce(exp(sum(ln(r.factor))), 1) FROM app_schema.recommendation_rules r
          WHERE r.action = 'boost' AND (r.product_id IS NULL OR r.product_id = c.id) AND (r.category IS NULL OR r.category = p.category)
            AND (r.min_price IS NULL OR p.price >= r.min_price) AND (r.max_price IS NULL OR p.price <= r.max_price)
        ) ELSE 1 END AS score
      FROM (SELECT b.id FROM best b UNION SELECT unnest(v_extra)) c
      LEFT JOIN head s ON s.id = c.id
      LEFT JOIN unnest(p_due_ids, p_due_scores, p_due_days) d (id, score, days) ON d.id = c.id
      LEFT JOIN (
        SELECT r.product_id, min(r.position) AS position FROM app_schema.recommendation_rules r WHERE v_has_pins AND r.action = 'pin' GROUP BY 1
      ) i ON i.product_id = c.id
      LEFT JOIN LATERAL (
        SELECT x.category, x.price FROM app_schema.products x WHERE v_needs_product AND x.product_id = c.id OFFSET 0
      ) p ON true
      LEFT JOIN app_schema.product_popularity q ON q.model_run_id = p_model_run_id AND q.product_id = c.id
      ORDER BY score DESC, c.id
      LIMIT CASE WHEN NOT v_is_arranged THEN p_limit END
    ) f;
    EXIT WHEN v_is_enough;
    v_head := CASE WHEN v_head < 1000 THEN 8 * v_head END;
  END LOOP;
  IF v_ids IS NULL THEN
    RETURN;
  END IF;
  IF v_is_arranged THEN
    SELECT array_agg(v_ids[u.place] ORDER BY u.n), array_agg(v_scores[u.place] ORDER BY u.n), array_agg(v_days[u.place] ORDER BY u.n),
      array_agg(v_pins[u.place] ORDER BY u.n), array_agg(v_trending[u.place] ORDER BY u.n)
    INTO v_ids, v_scores, v_days, v_pins, v_trending
    FROM unnest(app_schema.arrange_products(
      p_model_run_id, p_limit, v_ids, v_scores, v_days, v_pins, v_categories, v_due_places, v_cap, p_options.diversity
    )) WITH ORDINALITY u (place, n);
  END IF;

  RETURN QUERY
    WITH weights AS MATERIALIZED (
      SELECT w.* FROM app_schema.read_weights(p_kind, p_model_run_id, p_source_ids, p_source_weights) w
    ), reasons AS MATERIALIZED (
      SELECT DISTINCT ON (o.id) o.id, w.source_id, w.weight * w.weights[x.place] AS part, x.place > w.collaborative AS is_content
      FROM weights w CROSS JOIN unnest(v_ids) o (id) CROSS JOIN LATERAL (SELECT array_position(w.ids, o.id) AS place OFFSET 0) x
      WHERE w.weights[x.place] > 0
      ORDER BY o.id, w.weight * w.weights[x.place] DESC, w.source_id
    )
    SELECT o.rank::integer, o.id, CASE v_language WHEN 'ru' THEN coalesce(t.attributes ->> 'name_ru', t.name) ELSE t.name END::varchar, t.category,
      t.price, o.score, CASE WHEN r.code LIKE 'popular%' THEN 'popular' ELSE r.code END,
      CASE WHEN r.code = 'buy_again' THEN replace(app_schema.reason_text(r.code, v_language), '%s', round(o.days)::text)
        WHEN r.because_id IS NULL THEN app_schema.reason_text(r.code, v_language)
        ELSE replace(app_schema.reason_text(r.code, v_language), '%s', CASE v_language WHEN 'ru' THEN coalesce(s.attributes ->> 'name_ru', s.name) ELSE s.name END)
      END,
      r.because_id, CASE WHEN r.because_id IS NOT NULL THEN b.part END, p_model_run_id
    FROM unnest(v_ids, v_scores, v_days, v_pins, v_trending) WITH ORDINALITY o (id, score, days, position, trending, rank)
    JOIN app_schema.products t ON t.product_id = o.id
    LEFT JOIN reasons b ON b.id = o.id AND o.position IS NULL AND o.days IS NULL
    LEFT JOIN app_schema.products s ON s.product_id = b.source_id
    CROSS JOIN LATERAL (
      SELECT s.product_id AS because_id, CASE
        WHEN o.position IS NOT NULL THEN 'pinned'
        WHEN o.days IS NOT NULL THEN 'buy_again'
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
COMMENT ON FUNCTION app_schema.rank_products(text, bigint, integer, app_schema.recommendation_options, integer[], double precision[], integer[], integer[], varchar, integer[], double precision[], real[]) IS
  'The engine of all lists: score(j) = sum of p_source_weights(i) w(i, j), what is due again, and popularity; then the rules of the shop, caps, diversity, and for each product its weightiest reason';

CREATE FUNCTION app_schema.reason_text(p_code text, p_language text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT CASE p_code
    WHEN 'pinned' THEN CASE p_language WHEN 'ru' THEN 'выбор магазина' ELSE 'chosen by the shop' END
    WHEN 'buy_again' THEN CASE p_language WHEN 'ru' THEN 'пора купить снова: обычно раз в %s дн.' ELSE 'time to buy it again: usually every %s days' END
    WHEN 'bought_together' THEN CASE p_language WHEN 'ru' THEN 'потому что вы купили: %s' ELSE 'because you bought %s' END
    WHEN 'viewed_together' THEN CASE p_language WHEN 'ru' THEN 'потому что вы смотрели: %s' ELSE 'because you looked at %s' END
    WHEN 'viewed_again' THEN CASE p_language WHEN 'ru' THEN 'потому что вы недавно это смотрели' ELSE 'because you looked at it lately' END
    WHEN 'similar' THEN CASE p_language WHEN 'ru' THEN 'похоже на: %s' ELSE 'similar to %s' END
    WHEN 'taken_together' THEN CASE p_language WHEN 'ru' THEN 'часто берут вместе с: %s' ELSE 'often taken together with %s' END
    WHEN 'popular_recent' THEN CASE p_language WHEN 'ru' THEN 'популярно у наших покупателей' ELSE 'popular with our customers' END
    WHEN 'popular_week' THEN CASE p_language WHEN 'ru' THEN 'популярно на этой неделе' ELSE 'popular this week' END
    WHEN 'popular_month' THEN CASE p_language WHEN 'ru' THEN 'популярно в этом месяце' ELSE 'popular this month' END
    WHEN 'popular_quarter' THEN CASE p_language WHEN 'ru' THEN 'популярно в последние 90 дней' ELSE 'popular in the last 90 days' END
    WHEN 'popular_year' THEN CASE p_language WHEN 'ru' THEN 'популярно в последние 365 дней' ELSE 'popular in the last 365 days' END
  END
$function$;
COMMENT ON FUNCTION app_schema.reason_text(text, text) IS
  'The words of a reason in English or (ru) Russian; %s is the name of the product that it is about, of buy_again the days between two purchases';

DROP FUNCTION app_schema.get_recommendations(integer, integer, jsonb);
CREATE FUNCTION app_schema.get_recommendations(p_user_id integer, p_limit integer DEFAULT 10, p_options jsonb DEFAULT '{}')
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
  IF NOT EXISTS (SELECT FROM app_schema.users u WHERE u.user_id = p_user_id) THEN
    RETURN;
  END IF;
  v_run := coalesce(v_options.model_run_id, app_schema.get_recommender_of(p_user_id));
  SELECT * INTO v_how FROM app_schema.recommenders c WHERE c.model_run_id = v_run;
  IF v_how.model_run_id IS NULL THEN
    RETURN;
  END IF;
  v_now := coalesce(v_options.as_of, now());
  v_until := coalesce(v_options.as_of, 'infinity');
  v_has_rules := EXISTS (SELECT FROM app_schema.recommendation_rules r WHERE r.action IN ('buy_again', 'buy_once'));

  SELECT array_agg(h.product_id), array_agg(h.weight / h.total), array_agg(h.product_id) FILTER (WHERE h.is_bought)
  INTO v_ids, v_weights, v_bought_ids
  FROM (
    SELECT w.product_id, w.weight, w.is_bought, sum(w.weight) OVER () AS total
    FROM (
      SELECT d.product_id, d.bought_at > d.back_at AS is_bought, greatest(
          v_how.purchase_weight * power(0.5, d.bought_age), v_how.cart_weight * power(0.5, d.carted_age),
          v_how.view_weight * power(0.5, d.viewed_age)
        ) AS weight
      FROM (
        -- Age counts from the customer's own last event: waiting changes nobody's taste, and the list stays the same from day to day.
        -- What came back says nothing for a product from before that.
        SELECT g.product_id, g.bought_at, g.back_at,
          CASE WHEN g.bought_at > g.back_at THEN least(100, date_part('epoch', g.newest - g.bought_at) / (86400 * v_how.half_life_days)) END AS bought_age,
          CASE WHEN g.carted_at > g.back_at THEN least(100, date_part('epoch', g.newest - g.carted_at) / (86400 * v_how.half_life_days)) END AS carted_age,
          CASE WHEN g.viewed_at > g.back_at THEN least(100, date_part('epoch', g.newest - g.viewed_at) / (86400 * v_how.half_life_days)) END AS viewed_age
        FROM (
          SELECT l.product_id, max(max(l.event_timestamp)) OVER () AS newest,
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
    'user', v_how.model_run_id, p_limit, v_options, v_ids, v_weights, v_bought_ids, coalesce(v_blocked_ids, '{}'), '',
    coalesce(v_due_ids, '{}'), v_due_scores, v_due_days
  );
END
$function$;
COMMENT ON FUNCTION app_schema.get_recommendations(integer, integer, jsonb) IS
  'Products for one customer with score and reason, from the published weights and the latest committed events. What was bought is left out unless people buy it again. Options: language (en, ru), category, min_price, max_price, in_stock, exclude_product_ids, buy_again, diversity, max_per_category, as_of, model_run_id. No row for an unknown customer';

CREATE FUNCTION app_schema.get_session_recommendations(p_product_ids integer[], p_limit integer DEFAULT 10, p_options jsonb DEFAULT '{}')
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
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  v_options := app_schema.read_recommendation_options(p_options);
  v_run := coalesce(v_options.model_run_id, app_schema.get_recommender_of());
  SELECT * INTO v_how FROM app_schema.recommenders c WHERE c.model_run_id = v_run;
  IF v_how.model_run_id IS NULL THEN
    RETURN;
  END IF;
  SELECT array_agg(h.id), array_agg(h.weight / h.total) INTO v_ids, v_weights
  FROM (
    -- Each step back in the session says a fifth less: what is on the screen now is what is sought.
    SELECT w.id, w.weight, sum(w.weight) OVER () AS total
    FROM (
      SELECT l.id, power(0.8::double precision, row_number() OVER (ORDER BY l.last_place DESC) - 1) AS weight
      FROM (SELECT u.id, max(u.place) AS last_place FROM unnest(p_product_ids) WITH ORDINALITY u (id, place) WHERE u.id IS NOT NULL GROUP BY u.id) l
      ORDER BY l.last_place DESC
      LIMIT v_how.history_products
    ) w
  ) h;
  RETURN QUERY SELECT * FROM app_schema.rank_products(
    'session', v_how.model_run_id, p_limit, v_options, v_ids, v_weights, NULL, array_remove(coalesce(p_product_ids, '{}'), NULL)
  );
END
$function$;
COMMENT ON FUNCTION app_schema.get_session_recommendations(integer[], integer, jsonb) IS
  'Products for a visitor without an account, from what was looked at, the latest last; those themselves are left out. Options as of get_recommendations; what is popular for an empty list';

CREATE FUNCTION app_schema.get_similar_products(p_product_id integer, p_limit integer DEFAULT 10, p_options jsonb DEFAULT '{}')
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
    'similar', v_run, p_limit, v_options, ARRAY[p_product_id], ARRAY[1::double precision], NULL, ARRAY[p_product_id], v_category
  );
END
$function$;
COMMENT ON FUNCTION app_schema.get_similar_products(integer, integer, jsonb) IS
  'What is like a product by text and attributes, else what is taken together with it; filled up with what is popular in its category. No row for an unknown product. Options as of get_recommendations';

CREATE FUNCTION app_schema.get_bought_together(p_product_ids integer[], p_limit integer DEFAULT 10, p_options jsonb DEFAULT '{}')
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
    'bought_together', v_run, p_limit, v_options, v_ids, array_fill(1::double precision / cardinality(v_ids), ARRAY[cardinality(v_ids)]), NULL,
    array_remove(p_product_ids, NULL), NULL
  );
END
$function$;
COMMENT ON FUNCTION app_schema.get_bought_together(integer[], integer, jsonb) IS
  'What the same customers take beside all of a basket (of its first 200 products by id); nothing else fills the list up. Options as of get_recommendations';

CREATE FUNCTION app_schema.get_popular_products(
  p_category varchar DEFAULT NULL, p_window text DEFAULT 'recent', p_limit integer DEFAULT 10, p_options jsonb DEFAULT '{}'
) RETURNS TABLE (
  rank integer, product_id integer, name varchar, category varchar, price numeric, score double precision, reason_code text, reason text,
  reason_product_id integer, reason_weight double precision, model_run_id bigint
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET plan_cache_mode = force_generic_plan
AS $function$
DECLARE
  v_options app_schema.recommendation_options;
  v_run bigint;
  v_has_includes boolean;
  v_has_excludes boolean;
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  v_options := app_schema.read_recommendation_options(p_options);
  IF (p_window IN ('recent', 'week', 'month', 'quarter', 'year')) IS NOT TRUE THEN
    RAISE EXCEPTION 'the window must be recent, week, month, quarter or year, not "%"', coalesce(p_window, 'NULL')
      USING ERRCODE = 'CA002', HINT = 'recent looks at all time and halves it every 30 days.';
  END IF;
  v_run := coalesce(v_options.model_run_id, app_schema.get_recommender_of());
  SELECT coalesce(bool_or(r.action = 'include'), false), coalesce(bool_or(r.action = 'exclude'), false) INTO v_has_includes, v_has_excludes
  FROM app_schema.recommendation_rules r;
  RETURN QUERY
    SELECT (row_number() OVER (ORDER BY f.place))::integer, f.id,
      CASE v_options.language WHEN 'ru' THEN coalesce(p.attributes ->> 'name_ru', p.name) ELSE p.name END::varchar, p.category, p.price,
      f.score::double precision, 'popular', app_schema.reason_text('popular_' || p_window, v_options.language), NULL::integer, NULL::double precision, v_run
    FROM (
      SELECT o.id, o.score, o.place
      FROM (
        SELECT u.id, u.score, u.place
        FROM app_schema.popular_products l CROSS JOIN LATERAL unnest(l.product_ids, l.scores) WITH ORDINALITY u (id, score, place)
        WHERE l.model_run_id = v_run AND l.period = p_window AND l.category = coalesce(p_category, v_options.category, '')
          AND u.id NOT IN (SELECT unnest(v_options.excluded_ids))
        ORDER BY u.place
      ) o
      CROSS JOIN LATERAL app_schema.find_recommendable(
        o.id, coalesce(p_category, v_options.category), v_options.min_price, v_options.max_price, v_options.in_stock, v_has_includes, v_has_excludes
      )
      ORDER BY o.place
      LIMIT p_limit
    ) f
    JOIN app_schema.products p ON p.product_id = f.id
    ORDER BY 1;
END
$function$;
COMMENT ON FUNCTION app_schema.get_popular_products(varchar, text, integer, jsonb) IS
  'The most wanted products of the whole shop or one category; p_window is recent (halved every 30 days), week, month, quarter or year before the training. Options as of get_recommendations';
