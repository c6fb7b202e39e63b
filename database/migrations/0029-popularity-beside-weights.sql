-- Lists for less once more: the popularity of a neighbour stands beside its weight, so that the head of the order is exact, short, and found in
-- the statement that looks its products up; and a reason comes with its sum.

-- Written anew and not updated: the tables would stay twice their size. A version is never changed once it is published, so that what its rows
-- repeat of each other stays true.
CREATE TABLE app_schema.old_neighbours AS SELECT * FROM app_schema.product_neighbours;
CREATE TABLE app_schema.old_popular_products AS SELECT * FROM app_schema.popular_products;
TRUNCATE app_schema.product_neighbours, app_schema.popular_products;

-- Rows that fit on a page are neither packed nor moved out: arrays are read by subscript, and each use would unpack them anew.
ALTER TABLE app_schema.product_neighbours
  SET (toast_tuple_target = 8160),
  ADD COLUMN neighbour_popularities real[] NOT NULL,
  ADD COLUMN similar_popularities real[] NOT NULL,
  ADD CONSTRAINT product_neighbours_popularities
    CHECK (cardinality(neighbour_popularities) = cardinality(neighbour_ids) AND cardinality(similar_popularities) = cardinality(similar_ids));
ALTER TABLE app_schema.popular_products
  SET (toast_tuple_target = 8160),
  ADD COLUMN popularities real[] NOT NULL,
  ADD CONSTRAINT popular_products_popularities CHECK (cardinality(popularities) = cardinality(product_ids));
COMMENT ON COLUMN app_schema.product_neighbours.neighbour_popularities IS
  'Of each neighbour its popularity in product_popularity, 0 where it has none: a list needs those of all its candidates';
COMMENT ON COLUMN app_schema.product_neighbours.similar_popularities IS 'Likewise of what is similar';
COMMENT ON COLUMN app_schema.popular_products.scores IS 'Demand in the period, 1 for the most wanted of the shop or of the category';
COMMENT ON COLUMN app_schema.popular_products.popularities IS 'Of each product its popularity in product_popularity';

INSERT INTO app_schema.product_neighbours
SELECT n.model_run_id, n.product_id, n.neighbour_ids[:], n.weights[:], n.collaborative, n.similar_ids[:], n.similarities[:], ARRAY(
    SELECT coalesce(q.popularity, 0)
    FROM unnest(n.neighbour_ids) WITH ORDINALITY u (id, place)
    LEFT JOIN app_schema.product_popularity q ON q.model_run_id = n.model_run_id AND q.product_id = u.id
    ORDER BY u.place
  ), ARRAY(
    SELECT coalesce(q.popularity, 0)
    FROM unnest(n.similar_ids) WITH ORDINALITY u (id, place)
    LEFT JOIN app_schema.product_popularity q ON q.model_run_id = n.model_run_id AND q.product_id = u.id
    ORDER BY u.place
  )
FROM app_schema.old_neighbours n
ORDER BY n.model_run_id, n.product_id;
INSERT INTO app_schema.popular_products
SELECT l.model_run_id, l.period, l.category, l.product_ids[:], l.scores[:], ARRAY(
    SELECT coalesce(q.popularity, 0)
    FROM unnest(l.product_ids) WITH ORDINALITY u (id, place)
    LEFT JOIN app_schema.product_popularity q ON q.model_run_id = l.model_run_id AND q.product_id = u.id
    ORDER BY u.place
  )
FROM app_schema.old_popular_products l;
DROP TABLE app_schema.old_neighbours, app_schema.old_popular_products;

DROP FUNCTION app_schema.find_recommendable(integer, varchar, numeric, numeric, boolean, boolean, boolean);
DROP FUNCTION app_schema.read_weights(text, bigint, integer[], double precision[], double precision);
DROP FUNCTION app_schema.rank_products(text, bigint, integer, app_schema.recommendation_options, integer[], double precision[], double precision, integer[], integer[], varchar, integer[], double precision[], real[]);

-- OFFSET 0 as before: a look-up by key for each candidate, in the order of their scores.
CREATE FUNCTION app_schema.find_recommendable(
  p_product_id integer, p_category varchar, p_min_price numeric, p_max_price numeric, p_in_stock boolean, p_has_includes boolean, p_has_excludes boolean,
  p_language text
) RETURNS TABLE (name varchar, category varchar, price numeric)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT CASE p_language WHEN 'ru' THEN coalesce(p.attributes ->> 'name_ru', p.name) ELSE p.name END, p.category, p.price
  FROM app_schema.products p
  WHERE p.product_id = p_product_id AND p.is_merchandise AND NOT p.is_hidden AND (NOT p_in_stock OR coalesce(p.stock, 1) > 0)
    AND (p_category IS NULL OR p.category = p_category)
    AND (p_min_price IS NULL OR p.price >= p_min_price) AND (p_max_price IS NULL OR p.price <= p_max_price)
    AND (NOT p_has_excludes OR NOT EXISTS (
      SELECT FROM app_schema.recommendation_rules r
      WHERE r.action = 'exclude' AND (r.product_id IS NULL OR r.product_id = p.product_id) AND (r.category IS NULL OR r.category = p.category)
        AND (r.min_price IS NULL OR p.price >= r.min_price) AND (r.max_price IS NULL OR p.price <= r.max_price)
    ))
    AND (NOT p_has_includes OR EXISTS (
      SELECT FROM app_schema.recommendation_rules r
      WHERE r.action = 'include' AND (r.product_id IS NULL OR r.product_id = p.product_id) AND (r.category IS NULL OR r.category = p.category)
        AND (r.min_price IS NULL OR p.price >= r.min_price) AND (r.max_price IS NULL OR p.price <= r.max_price)
    ))
  OFFSET 0
$function$;
COMMENT ON FUNCTION app_schema.find_recommendable(integer, varchar, numeric, numeric, boolean, boolean, boolean, text) IS
  'The product where it may be recommended now: merchandise, not hidden, in stock, within the asked category and prices and the rules of the shop; else no row. Its name in the language asked for';

CREATE FUNCTION app_schema.read_weights(
  p_kind text, p_model_run_id bigint, p_source_ids integer[], p_source_weights double precision[], p_total double precision
) RETURNS TABLE (weight double precision, mark double precision, ids integer[], shares real[], popularities real[], collaborative integer, most integer)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT s.weight / p_total * 1073741824, (1024 - s.place)::double precision / 1024,
    CASE WHEN x.is_similar THEN n.similar_ids ELSE n.neighbour_ids END,
    CASE WHEN x.is_similar THEN n.similarities ELSE n.weights END,
    CASE WHEN x.is_similar THEN n.similar_popularities ELSE n.neighbour_popularities END,
    CASE WHEN x.is_similar THEN 0 ELSE n.collaborative END,
    CASE
      WHEN x.is_similar THEN cardinality(n.similar_ids)
      WHEN p_kind = 'bought_together' THEN n.collaborative
      ELSE least(x.most, greatest(10, ceil(x.most * s.weight / p_source_weights[1])))::integer
    END
  FROM unnest(p_source_ids, p_source_weights) WITH ORDINALITY s (product_id, weight, place)
  JOIN app_schema.product_neighbours n ON n.model_run_id = p_model_run_id AND n.product_id = s.product_id
  CROSS JOIN LATERAL (SELECT p_kind = 'similar' AND n.similar_ids <> '{}' AS is_similar, cardinality(n.neighbour_ids) AS most) x
  OFFSET 0
$function$;
COMMENT ON FUNCTION app_schema.read_weights(text, bigint, integer[], double precision[], double precision) IS
  'The rows of weights that a list is made of, of sources whose first is the weightiest: weight of the source in steps of 2^-30 after p_total divided it; mark, below 1, falls with its place by 2^-10; and so many of the row count. Of a history the row of each as far as its share of the weightiest, 10 at least; of a basket what was taken together, of a product what is like it (where nothing is known of that, what was taken together)';

CREATE FUNCTION app_schema.rank_products(
  p_kind text, p_model_run_id bigint, p_limit integer, p_options app_schema.recommendation_options, p_source_ids integer[],
  p_source_weights double precision[], p_total double precision, p_bought_ids integer[], p_banned_ids integer[], p_popular_in varchar DEFAULT '',
  p_due_ids integer[] DEFAULT '{}', p_due_scores double precision[] DEFAULT '{}', p_due_days real[] DEFAULT '{}', p_due_popularities real[] DEFAULT '{}'
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
  v_pin_ids integer[] := '{}';
  v_pin_popularities real[];
  -- So many best ones are ranked by all that counts; where the ranking is rearranged, it needs more to choose from.
  v_pool integer;
  v_popular integer;
  -- So many of the head of the order are sorted and looked up; more where too many of them may not be recommended. NULL: all.
  v_head integer;
  -- Candidates whatever their sum: what is due again or pinned; and with minus infinity what never is one.
  v_extra_ids integer[] := p_due_ids || p_banned_ids || p_options.excluded_ids;
  v_extra_scores double precision[];
  v_extra_popularities real[] := p_due_popularities;
  -- So many that may be recommended are looked for in the head. NULL: as many as there are.
  v_most integer;
  v_order integer[];
  v_due_places integer;
  v_is_arranged boolean;
  v_is_too_much_due boolean;
  v_popularity_weight double precision;
  v_ids integer[];
  v_scores double precision[];
  v_marks double precision[];
  v_parts double precision[];
  v_names varchar[];
  v_categories varchar[];
  v_prices numeric[];
  v_days real[];
  v_pins integer[];
  -- On top of the sum of what is a candidate whatever its sum, a power of two far above all sums, and here in steps of 2^-30 as they are.
  c_extra CONSTANT double precision := 65536 * 1073741824.0;
  -- As many as are published of the whole shop.
  c_all_popular CONSTANT integer := 500;
  -- Below a place in the history by half of the step to the next: alike by content.
  c_half_place CONSTANT double precision := 1.0 / 2048;
  -- What of it the order does not see: nothing of it where what is rearranged must find all of those.
  v_extra double precision := c_extra;
BEGIN
  IF EXISTS (SELECT FROM app_schema.recommendation_rules) THEN
    SELECT coalesce(bool_or(r.action = 'include'), false), coalesce(bool_or(r.action = 'exclude'), false), coalesce(bool_or(r.action = 'boost'), false),
      coalesce(array_agg(r.product_id) FILTER (WHERE r.action = 'pin' AND v_for_person), '{}'),
      array_agg(coalesce(q.popularity, 0)) FILTER (WHERE r.action = 'pin' AND v_for_person)
    INTO v_has_includes, v_has_excludes, v_has_boosts, v_pin_ids, v_pin_popularities
    FROM app_schema.recommendation_rules r
    LEFT JOIN app_schema.product_popularity q ON r.action = 'pin' AND q.model_run_id = p_model_run_id AND q.product_id = r.product_id;
  END IF;
  SELECT 1073741824 * c.popularity_weight, ceil(p_limit * coalesce(p_options.buy_again_share, c.buy_again_share))
  INTO v_popularity_weight, v_due_places
  FROM app_schema.recommenders c WHERE c.model_run_id = p_model_run_id;
  v_pool := CASE
    WHEN v_cap IS NOT NULL THEN greatest(300, 6 * least(p_limit, 1000))
    WHEN v_has_boosts OR p_options.diversity > 0 THEN greatest(100, 2 * least(p_limit, 1000))
    ELSE 10 + 2 * least(p_limit, 1000)
  END;
  v_is_arranged := v_pin_ids <> '{}' OR v_cap IS NOT NULL OR p_options.diversity > 0;
  v_is_too_much_due := cardinality(p_due_ids) > v_due_places;
  IF v_is_arranged OR v_has_boosts THEN
    v_extra := 0;
    v_popular := greatest(100, least(p_limit, 1000)) + cardinality(v_extra_ids);
    v_head := v_pool + 10 + v_popular + cardinality(v_pin_ids);
  ELSE
    -- No history has a million candidates.
    v_most := least(p_limit, 1000000) + greatest(0, cardinality(p_due_ids) - v_due_places);
    v_head := v_most + 10;
    v_popular := v_most + cardinality(v_extra_ids) + 10;
  END IF;
  IF v_category IS NOT NULL OR v_min_price IS NOT NULL OR v_max_price IS NOT NULL OR v_has_includes THEN
    v_head := NULL;
    v_popular := c_all_popular;
  END IF;

  v_extra_scores := p_due_scores || array_fill('-infinity'::double precision, ARRAY[cardinality(v_extra_ids) - cardinality(p_due_ids)]);
  IF v_pin_ids <> '{}' THEN
    v_extra_ids := v_pin_ids || v_extra_ids;
    v_extra_scores := array_fill(0::double precision, ARRAY[cardinality(v_pin_ids)]) || v_extra_scores;
    v_extra_popularities := v_pin_popularities || v_extra_popularities;
  END IF;

  LOOP
    SELECT array_agg(f.id), array_agg((f.score - (c_extra - v_extra) * round(f.score / c_extra)) / 1073741824), array_agg(f.mark),
      array_agg(f.part / 1073741824), array_agg(f.name), array_agg(f.category), array_agg(f.price)
    INTO v_ids, v_scores, v_marks, v_parts, v_names, v_categories, v_prices
    FROM (
      SELECT h.*, p.*
      FROM (
        SELECT c.id, sum(c.part) + v_popularity_weight * max(c.popularity) - v_extra * round(sum(c.part) / c_extra) AS score,
          -- The largest mark says which source adds most: the part in whole steps, and below 1 its place in the history, and how it knows.
          max(floor(c.part) + c.mark) AS mark, max(c.part) FILTER (WHERE c.mark > 0) AS part
        FROM (
          -- By subscript: half of what unnesting three slices takes.
          SELECT w.ids[w.n] AS id, w.weight * w.shares[w.n] AS part,
            CASE WHEN w.n > w.collaborative THEN w.mark - c_half_place ELSE w.mark END AS mark, w.popularities[w.n] AS popularity
          FROM (
            SELECT w.*, generate_series(1, w.most) AS n
            FROM app_schema.read_weights(p_kind, p_model_run_id, p_source_ids, p_source_weights, p_total) w
          ) w
          UNION ALL SELECT unnest(v_extra_ids), c_extra + 1073741824 * unnest(v_extra_scores), '-infinity', unnest(v_extra_popularities)
          UNION ALL
          SELECT unnest(l.product_ids[:v_popular]), c_extra, '-infinity', unnest(l.popularities[:v_popular])
          FROM app_schema.popular_products l
          WHERE l.model_run_id = p_model_run_id AND l.period = 'recent' AND l.category = CASE WHEN p_popular_in IS NOT NULL THEN coalesce(v_category, p_popular_in) END
        ) c
        GROUP BY c.id
        HAVING sum(c.part) > 0
        ORDER BY score DESC, c.id
        LIMIT v_head
      ) h
      CROSS JOIN LATERAL app_schema.find_recommendable(
        h.id, v_category, v_min_price, v_max_price, v_in_stock, v_has_includes, v_has_excludes, v_language
      ) p
      ORDER BY h.score DESC, h.id
      LIMIT v_most
    ) f;
    EXIT WHEN v_head IS NULL OR cardinality(v_ids) >= coalesce(v_most, v_pool);
    v_head := NULL;
    v_popular := c_all_popular;
  END LOOP;
  IF v_ids IS NULL THEN
    RETURN;
  END IF;
  -- Few shops have boosts: in the query above, they would be made ready for each list.
  IF v_has_boosts THEN
    SELECT array_agg(b.id), array_agg(b.score), array_agg(b.mark), array_agg(b.part), array_agg(b.name), array_agg(b.category), array_agg(b.price)
    INTO v_ids, v_scores, v_marks, v_parts, v_names, v_categories, v_prices
    FROM (
      SELECT o.id, o.mark, o.part, o.name, o.category, o.price, o.score * (
          SELECT coalesce(exp(sum(ln(r.factor))), 1) FROM app_schema.recommendation_rules r
          WHERE r.action = 'boost' AND (r.product_id IS NULL OR r.product_id = o.id) AND (r.category IS NULL OR r.category = o.category)
            AND (r.min_price IS NULL OR o.price >= r.min_price) AND (r.max_price IS NULL OR o.price <= r.max_price)
        ) AS score
      FROM unnest(v_ids, v_scores, v_marks, v_parts, v_names, v_categories, v_prices) o (id, score, mark, part, name, category, price)
      ORDER BY score DESC, o.id
    ) b;
  END IF;
  IF v_is_arranged THEN
    SELECT array_agg(d.days ORDER BY o.place), array_agg(i.position ORDER BY o.place) INTO v_days, v_pins
    FROM unnest(v_ids) WITH ORDINALITY o (id, place)
    LEFT JOIN unnest(p_due_ids, p_due_days) d (id, days) ON d.id = o.id
    LEFT JOIN (
      SELECT r.product_id, min(r.position) AS position FROM app_schema.recommendation_rules r WHERE v_pin_ids <> '{}' AND r.action = 'pin' GROUP BY 1
    ) i ON i.product_id = o.id;
    v_order := app_schema.arrange_products(
      p_model_run_id, p_limit, v_ids, v_scores, v_days, v_pins, v_categories, v_due_places, v_cap, p_options.diversity
    );
  ELSIF v_is_too_much_due THEN
    -- As arrange_products does, which for this alone would cost five times as much.
    v_order := ARRAY(
      SELECT t.place
      FROM unnest(v_ids) WITH ORDINALITY t (id, place)
      ORDER BY (t.id = ANY (p_due_ids) AND t.place >= (
        SELECT x.place FROM unnest(v_ids) WITH ORDINALITY x (id, place) WHERE x.id = ANY (p_due_ids) ORDER BY x.place OFFSET v_due_places LIMIT 1
      )) IS TRUE, t.place
      LIMIT p_limit
    );
  END IF;

  RETURN QUERY
    SELECT o.rank::integer, v_ids[d.place], v_names[d.place], v_categories[d.place], v_prices[d.place], v_scores[d.place],
      CASE WHEN r.code LIKE 'popular%' THEN 'popular' ELSE r.code END,
      replace(app_schema.reason_text(r.code, v_language), '%s', coalesce(
        CASE WHEN r.code = 'buy_again' THEN round(d.days)::text WHEN v_language = 'ru' THEN coalesce(s.attributes ->> 'name_ru', s.name) ELSE s.name END, '')),
      s.product_id, CASE WHEN s.product_id IS NOT NULL THEN v_parts[d.place] END, p_model_run_id
    FROM unnest((coalesce(v_order, v_ids))[:p_limit]) WITH ORDINALITY o (place, rank)
    CROSS JOIN LATERAL (SELECT CASE WHEN v_order IS NULL THEN o.rank ELSE o.place END AS place) l
    CROSS JOIN LATERAL (
      SELECT l.place, p_due_days[array_position(p_due_ids, v_ids[l.place])] AS days,
        CASE WHEN v_parts[l.place] > 0 THEN (2048 * (v_marks[l.place] - floor(v_marks[l.place])))::integer END AS mark
      OFFSET 0
    ) d
    LEFT JOIN app_schema.products s ON v_pins[d.place] IS NULL AND d.days IS NULL AND s.product_id = p_source_ids[1024 - (d.mark + 1) / 2]
    CROSS JOIN LATERAL (
      SELECT CASE
        WHEN v_pins[d.place] IS NOT NULL THEN 'pinned'
        WHEN d.days IS NOT NULL THEN 'buy_again'
        WHEN s.product_id IS NULL THEN 'popular_' || coalesce(
          (SELECT q.trending FROM app_schema.product_popularity q WHERE q.model_run_id = p_model_run_id AND q.product_id = v_ids[d.place]), 'recent')
        WHEN s.product_id = v_ids[d.place] THEN 'viewed_again'
        WHEN d.mark % 2 = 1 THEN 'similar'
        WHEN NOT v_for_person THEN 'taken_together'
        WHEN s.product_id = ANY (p_bought_ids) THEN 'bought_together'
        ELSE 'viewed_together' END AS code
      OFFSET 0
    ) r
    ORDER BY o.rank;
END
$function$;
COMMENT ON FUNCTION app_schema.rank_products(text, bigint, integer, app_schema.recommendation_options, integer[], double precision[], double precision, integer[], integer[], varchar, integer[], double precision[], real[], real[]) IS
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
  v_how record;
  v_half_life double precision;
  v_now timestamptz;
  -- What is committed counts, also where the clock that stamped it runs ahead of ours: a bound is there only when asked for.
  v_until timestamptz;
  v_total double precision;
  v_newest timestamptz;
  v_rule_ids integer[];
  v_rule_actions text[];
  v_rule_days real[];
  v_ids integer[];
  v_weights double precision[];
  v_bought_ids integer[];
  v_blocked_ids integer[];
  v_due_ids integer[];
  v_due_scores double precision[];
  v_due_days real[];
  v_due_popularities real[];
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  v_options := app_schema.read_recommendation_options(p_options);
  v_now := coalesce(v_options.as_of, now());
  v_until := coalesce(v_options.as_of, 'infinity');
  v_run := coalesce(v_options.model_run_id, app_schema.get_recommender_of(p_user_id));
  SELECT c.*, (
    SELECT e.event_timestamp
    FROM app_schema.events e
    WHERE e.user_id = p_user_id AND e.event_timestamp < v_until AND e.product_id IS NOT NULL
      AND e.event_type IN ('view', 'add_to_cart', 'purchase', 'refund')
    ORDER BY e.event_timestamp DESC
    LIMIT 1
  ) AS newest
  INTO v_how
  FROM app_schema.recommenders c
  WHERE c.model_run_id = v_run AND EXISTS (SELECT FROM app_schema.users u WHERE u.user_id = p_user_id);
  IF NOT FOUND THEN
    RETURN;
  END IF;
  v_newest := v_how.newest;
  v_half_life := 86400 * v_how.half_life_days;
  IF EXISTS (SELECT FROM app_schema.recommendation_rules r WHERE r.action IN ('buy_again', 'buy_once')) THEN
    SELECT array_agg(b.product_id), array_agg(r.action), array_agg(r.interval_days) INTO v_rule_ids, v_rule_actions, v_rule_days
    FROM (SELECT DISTINCT e.product_id FROM app_schema.events e WHERE e.event_type = 'purchase' AND e.user_id = p_user_id AND e.product_id IS NOT NULL) b
    JOIN app_schema.products p ON p.product_id = b.product_id
    CROSS JOIN LATERAL (
      SELECT s.action, s.interval_days
      FROM app_schema.recommendation_rules s
      WHERE s.action IN ('buy_again', 'buy_once') AND (s.product_id IS NULL OR s.product_id = p.product_id) AND (s.category IS NULL OR s.category = p.category)
      ORDER BY s.product_id NULLS LAST, s.rule_id DESC
      LIMIT 1
    ) r;
  END IF;

  SELECT array_agg(h.product_id), array_agg(h.weight), sum(h.weight), array_agg(h.product_id) FILTER (WHERE h.is_bought)
  INTO v_ids, v_weights, v_total, v_bought_ids
  FROM (
    SELECT w.product_id, w.weight, w.is_bought
    FROM (
      -- Age counts from the customer's own last event: waiting changes nobody's taste, and the list stays the same from day to day.
      -- What came back says nothing for a product from before that. OFFSET 0: weighed once, and not for each use of the weight.
      SELECT g.product_id, g.bought_at > g.back_at AS is_bought, greatest(
          CASE WHEN g.bought_at > g.back_at THEN v_how.purchase_weight * power(0.5, least(100, date_part('epoch', v_newest - g.bought_at) / v_half_life)) END,
          CASE WHEN g.carted_at > g.back_at THEN v_how.cart_weight * power(0.5, least(100, date_part('epoch', v_newest - g.carted_at) / v_half_life)) END,
          CASE WHEN g.viewed_at > g.back_at THEN v_how.view_weight * power(0.5, least(100, date_part('epoch', v_newest - g.viewed_at) / v_half_life)) END
        ) AS weight
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
      OFFSET 0
    ) w
    WHERE w.weight > 0
    ORDER BY w.weight DESC, w.product_id
    LIMIT v_how.history_products
  ) h;

  SELECT array_agg(b.product_id) FILTER (WHERE NOT b.is_due), array_agg(b.product_id) FILTER (WHERE b.is_due),
    array_agg(v_how.repeat_weight * power(b.repeat_share, v_how.repeat_share_power) * power(b.times, v_how.repeat_power)) FILTER (WHERE b.is_due),
    array_agg(b.days) FILTER (WHERE b.is_due), array_agg(b.popularity) FILTER (WHERE b.is_due)
  INTO v_blocked_ids, v_due_ids, v_due_scores, v_due_days, v_due_popularities
  FROM (
    -- Bought is excluded, unless people, or this customer by habit, buy it again and its time has come.
    SELECT x.product_id, x.days, x.repeat_share, x.times, x.popularity,
      (v_options.buy_again AND x.again AND v_now >= x.last_bought + make_interval(secs => v_how.due_after * 86400 * x.days)) IS TRUE AS is_due
    FROM (
      SELECT t.product_id, t.last_bought, t.times, coalesce(q.popularity, 0) AS popularity,
        coalesce(v_rule_days[t.rule], q.repeat_interval_days,
          (date_part('epoch', t.last_bought - t.first_bought) / 86400 / nullif(t.purchases - 1, 0))::real) AS days,
        CASE v_rule_actions[t.rule] WHEN 'buy_once' THEN false WHEN 'buy_again' THEN true
          ELSE q.is_bought_repeatedly OR t.purchases >= v_how.habit_purchases AND t.last_bought >= t.first_bought + interval '24 hours' END AS again,
        -- Where the shop says so and the data do not (yet), as much as makes a product one that is bought again.
        CASE v_rule_actions[t.rule] WHEN 'buy_again' THEN greatest(q.repeat_share, 0.25) ELSE coalesce(q.repeat_share, 0) END AS repeat_share
      FROM (
        -- Seen from the customer's own last purchase, so that waiting changes nobody's habits, nor the last digit of an answer; of a clock
        -- that ran ahead only what has come counts as last.
        SELECT o.product_id, max(o.event_timestamp) AS last_bought, min(o.event_timestamp) AS first_bought, count(*) AS purchases,
          sum(power(0.5, least(100, greatest(0, date_part('epoch', o.newest - o.event_timestamp)) / (86400 * v_how.repeat_half_life_days)))) AS times,
          array_position(v_rule_ids, o.product_id) AS rule
        FROM (
          SELECT e.product_id, e.event_timestamp, least(v_now, max(e.event_timestamp) OVER ()) AS newest
          FROM app_schema.events e
          WHERE e.event_type = 'purchase' AND e.user_id = p_user_id AND e.product_id IS NOT NULL AND e.event_timestamp < v_until
          -- As the index has them.
          ORDER BY e.product_id
        ) o
        GROUP BY o.product_id
      ) t
      LEFT JOIN app_schema.product_popularity q ON q.model_run_id = v_how.model_run_id AND q.product_id = t.product_id
      OFFSET 0
    ) x
    OFFSET 0
  ) b;

  RETURN QUERY SELECT * FROM app_schema.rank_products(
    'user', v_how.model_run_id, p_limit, v_options, v_ids, v_weights, v_total, v_bought_ids, coalesce(v_blocked_ids, '{}'), '',
    coalesce(v_due_ids, '{}'), coalesce(v_due_scores, '{}'), v_due_days, v_due_popularities
  );
END
$function$;

CREATE OR REPLACE FUNCTION app_schema.get_popular_products(
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
    SELECT (row_number() OVER (ORDER BY f.place))::integer, f.id, f.name, f.category, f.price, f.score::double precision, 'popular', app_schema.reason_text('popular_' || p_window, v_options.language), NULL::integer, NULL::double precision, v_run
    FROM (
      SELECT o.id, o.score, o.place, p.name, p.category, p.price
      FROM (
        SELECT u.id, u.score, u.place
        FROM app_schema.popular_products l CROSS JOIN LATERAL unnest(l.product_ids, l.scores) WITH ORDINALITY u (id, score, place)
        WHERE l.model_run_id = v_run AND l.period = p_window AND l.category = coalesce(p_category, v_options.category, '')
          AND u.id NOT IN (SELECT unnest(v_options.excluded_ids))
        ORDER BY u.place
      ) o
      CROSS JOIN LATERAL app_schema.find_recommendable(
        o.id, coalesce(p_category, v_options.category), v_options.min_price, v_options.max_price, v_options.in_stock, v_has_includes, v_has_excludes,
        v_options.language
      ) p
      ORDER BY o.place
      LIMIT p_limit
    ) f
    ORDER BY 1;
END
$function$;
