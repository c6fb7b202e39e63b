const POPULARITY_HALF_LIFE_DAYS = 30;
/** Halved so often, a weight is nothing; halved on, it would leave the range of the type, which PostgreSQL reports as an error. */
const MAX_HALVINGS = 100;

/** Near enough to decide how many customers train, and at once. */
export const ESTIMATE_EVENTS = `
  SELECT greatest(reltuples, 0)::double precision AS events FROM pg_catalog.pg_class WHERE oid = 'app_schema.events'::regclass`;

/**
 * What customers did before the moment $1, by customer and in order of time: user, product, kind (a place in view, add_to_cart, purchase,
 * refund), days since 1970. $2 is the share of customers, drawn by a hash of the id (Knuth's multiplicative one: neighbours part). In this
 * order the index idx_events_user_timestamp holds all of it, but for the kind: what came back in the moment of its purchase comes after it, as the lists
 * have it, and whatever the plan. COPY takes no parameters: the server formats them as literals.
 */
export const FORMAT_EVENTS = `
  SELECT format($sql$
    COPY (
      SELECT e.user_id, e.product_id, array_position('{view,add_to_cart,purchase,refund}'::text[], e.event_type::text) - 1 AS kind,
        (extract(epoch FROM e.event_timestamp) / 86400)::double precision
      FROM app_schema.events e
      WHERE e.user_id IS NOT NULL AND e.product_id IS NOT NULL AND e.event_type IN ('view', 'add_to_cart', 'purchase', 'refund')
        AND e.event_timestamp < %1$L::timestamptz
        AND (%2$L::double precision >= 1 OR e.user_id * 2654435761 %% 4294967296 < %2$L::double precision * 4294967296)
      ORDER BY e.user_id, e.event_timestamp, e.product_id, kind
    ) TO STDOUT (FORMAT binary)
  $sql$, $1::timestamptz, $2::double precision) AS sql`;

/** The moment after the last day with a purchase: what comes later is not known yet. NULL where nobody bought. */
export const END_OF_LATEST_PURCHASE = `
  SELECT app_schema.day_start((max(e.event_timestamp) AT TIME ZONE s.time_zone)::date + 1) AS moment
  FROM app_schema.settings s LEFT JOIN app_schema.events e ON e.event_type = 'purchase' AND e.user_id IS NOT NULL
  GROUP BY s.time_zone`;

/** Merchandise, with what content is made of. */
export const PRODUCTS = `
  SELECT p.product_id, p.name, p.category, p.price::double precision AS price, p.description, coalesce(p.attributes, '{}') AS attributes
  FROM app_schema.products p WHERE p.is_merchandise ORDER BY p.product_id`;

/** NULL: as the model was tuned. */
export const BUY_AGAIN_SHARE = 'SELECT recommendation_buy_again_share AS share FROM app_schema.settings';

/** A published version, to be judged beside a new one. */
export const PUBLISHED_READING = 'SELECT * FROM app_schema.recommenders WHERE model_run_id = $1';
export const PUBLISHED_NEIGHBOURS =
  'SELECT product_id, neighbour_ids, weights FROM app_schema.product_neighbours WHERE model_run_id = $1';
export const PUBLISHED_POPULARITY = `
  SELECT product_id, popularity, repeat_share, is_bought_repeatedly, repeat_interval_days
  FROM app_schema.product_popularity WHERE model_run_id = $1`;

/**
 * Demand and repetition of each merchandise product before the moment $1. Demand is of distinct customers (purchase 1, cart 0.5, view
 * 0.1): of all time halved every 30 days and scaled to 1 for the most wanted, and of the last 7, 30, 90 and 365 days. A product counts as
 * bought repeatedly where at least $2 of its buyers (share) bought it on two days or more; a share that rests on few buyers is drawn to
 * that of the category by ten buyers' weight, and at least $3 customers of either must have done it. Summed in numeric: floating-point
 * sums would depend on the plan.
 */
export const PRODUCT_DEMAND = `
  WITH shop AS (
    SELECT time_zone FROM app_schema.settings
  ), weighted AS (
    SELECT e.product_id, e.user_id, e.event_timestamp,
      CASE e.event_type WHEN 'purchase' THEN 1.0 WHEN 'add_to_cart' THEN 0.5 ELSE 0.1 END AS strength
    FROM app_schema.events e
    WHERE e.product_id IS NOT NULL AND e.event_type IN ('purchase', 'add_to_cart', 'view') AND e.event_timestamp < $1
  ), touches AS (
    SELECT w.product_id, w.user_id,
      max(w.strength * power(0.5, least(${MAX_HALVINGS}, extract(epoch FROM $1::timestamptz - w.event_timestamp)::double precision / 86400 / ${POPULARITY_HALF_LIFE_DAYS}))) AS weight,
      max(w.strength) FILTER (WHERE w.event_timestamp >= $1::timestamptz - interval '7 days') AS week,
      max(w.strength) FILTER (WHERE w.event_timestamp >= $1::timestamptz - interval '30 days') AS month,
      max(w.strength) FILTER (WHERE w.event_timestamp >= $1::timestamptz - interval '90 days') AS quarter,
      max(w.strength) FILTER (WHERE w.event_timestamp >= $1::timestamptz - interval '365 days') AS year
    FROM weighted w
    GROUP BY w.product_id, w.user_id
  ), demand AS (
    SELECT product_id, sum(weight::numeric) AS demand, coalesce(sum(week), 0) AS week, coalesce(sum(month), 0) AS month,
      coalesce(sum(quarter), 0) AS quarter, coalesce(sum(year), 0) AS year
    FROM touches GROUP BY product_id
  ), days AS (
    SELECT DISTINCT e.product_id, e.user_id, (e.event_timestamp AT TIME ZONE shop.time_zone)::date AS day
    FROM app_schema.events e CROSS JOIN shop
    WHERE e.event_type = 'purchase' AND e.user_id IS NOT NULL AND e.product_id IS NOT NULL AND e.event_timestamp < $1
  ), gaps AS (
    SELECT product_id, user_id, day - lag(day) OVER (PARTITION BY product_id, user_id ORDER BY day) AS gap FROM days
  ), counts AS (
    SELECT g.product_id, count(*) AS buyers, count(*) FILTER (WHERE g.again) AS repeaters
    FROM (SELECT product_id, user_id, bool_or(gap IS NOT NULL) AS again FROM gaps GROUP BY product_id, user_id) g
    GROUP BY g.product_id
  ), intervals AS (
    SELECT product_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) AS days FROM gaps WHERE gap IS NOT NULL GROUP BY product_id
  ), categories AS (
    SELECT p.category, sum(c.buyers) AS buyers, sum(c.repeaters) AS repeaters
    FROM counts c JOIN app_schema.products p USING (product_id) WHERE p.category IS NOT NULL GROUP BY p.category
  ), category_intervals AS (
    SELECT p.category, percentile_cont(0.5) WITHIN GROUP (ORDER BY g.gap) AS days
    FROM gaps g JOIN app_schema.products p USING (product_id) WHERE g.gap IS NOT NULL AND p.category IS NOT NULL GROUP BY p.category
  ), repetition AS (
    SELECT c.product_id, c.buyers, ((c.repeaters + coalesce(10.0 * k.repeaters / k.buyers, 0)) / (c.buyers + CASE WHEN k.buyers > 0 THEN 10 ELSE 0 END))::real AS share,
      c.repeaters >= $3 OR coalesce(k.repeaters >= $3, false) AS is_known,
      CASE WHEN c.repeaters >= $3 THEN i.days ELSE coalesce(j.days, i.days) END AS days
    FROM counts c
    JOIN app_schema.products p USING (product_id)
    LEFT JOIN categories k ON k.category = p.category
    LEFT JOIN category_intervals j ON j.category = p.category
    LEFT JOIN intervals i ON i.product_id = c.product_id
  )
  SELECT p.product_id, p.category, round(d.demand / max(d.demand) OVER (), 9)::real AS popularity,
    d.week::float8 AS week, d.month::float8 AS month, d.quarter::float8 AS quarter, d.year::float8 AS year,
    coalesce(r.buyers, 0)::integer AS buyers, coalesce(r.share, 0)::real AS repeat_share,
    coalesce(r.is_known AND r.share >= $2 AND r.days IS NOT NULL, false) AS is_bought_repeatedly, r.days::real AS repeat_interval_days
  FROM demand d
  JOIN app_schema.products p ON p.product_id = d.product_id AND p.is_merchandise
  LEFT JOIN repetition r ON r.product_id = d.product_id
  ORDER BY p.product_id`;
/** Ids tell what came, also what came late: a moment can lie far back. 0 of an empty table. */
export const NEWEST_IDS = `
  SELECT coalesce((SELECT max(event_id) FROM app_schema.events), 0)::float8 AS event,
    coalesce((SELECT max(product_id) FROM app_schema.products), 0) AS product`;
export const COUNT_CUSTOMERS = 'SELECT count(*)::integer AS customers FROM app_schema.users';

// Publishing. All of a version comes with one transaction, and its rows are never changed: readers see it once it is promoted.
export const LOCK = "SELECT pg_advisory_xact_lock(hashtext('customer-analyzer recommendations'))";
/** The training whose weights are served: of a version that was refreshed, the one that it was refreshed from. */
export const CHAMPION = `
  SELECT r.model_run_id, r.as_of, r.algorithm, r.parameters, r.evaluation, s.as_of AS served_as_of,
    s.parameters -> 'newest' AS newest
  FROM app_schema.recommenders c
  JOIN app_schema.model_runs s ON s.model_run_id = c.model_run_id
  JOIN app_schema.model_runs r ON r.model_run_id = coalesce(c.refreshed_from, c.model_run_id)
  WHERE c.model_run_id = app_schema.get_recommender_of()`;
/** Whether anything came since a version: by id (events $1, products $2), or events from its moment $3 to $4. */
export const HAS_NEWS = `
  SELECT EXISTS (SELECT FROM app_schema.events WHERE event_id > $1) OR EXISTS (SELECT FROM app_schema.products WHERE product_id > $2)
    OR EXISTS (
      SELECT FROM app_schema.events
      WHERE event_type IN ('view', 'add_to_cart', 'purchase', 'refund') AND event_timestamp >= $3 AND event_timestamp < $4
    ) AS news`;
export const TRY_REFRESH_LOCK =
  "SELECT pg_try_advisory_lock(hashtext('customer-analyzer recommendations refresh')) AS locked";
export const REFRESH_UNLOCK =
  "SELECT pg_advisory_unlock(hashtext('customer-analyzer recommendations refresh'))";
export const RECORD_TRAINING = `
  INSERT INTO app_schema.model_runs
    (kind, as_of, code_version, parameters, evaluation, algorithm, customers, duration_seconds, status)
  VALUES ('recommendations', $1, $2, $3, $4, $5, $6, $7, 'challenger') RETURNING model_run_id`;
export const INSERT_RECOMMENDER = `
  INSERT INTO app_schema.recommenders (model_run_id, view_weight, cart_weight, purchase_weight, half_life_days, history_events,
    history_products, repeat_weight, due_after, popularity_weight, repeat_power, repeat_share_power, repeat_half_life_days,
    habit_purchases, buy_again_share, refreshed_from)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`;
export const COPY_NEIGHBOURS = `
  COPY app_schema.product_neighbours (model_run_id, product_id, neighbour_ids, weights, collaborative, similar_ids, similarities,
    neighbour_popularities, similar_popularities) FROM STDIN`;
export const COPY_POPULARITY = `
  COPY app_schema.product_popularity (model_run_id, product_id, popularity, buyers, repeat_share, is_bought_repeatedly, repeat_interval_days, trending)
  FROM STDIN`;
export const COPY_POPULAR_PRODUCTS =
  'COPY app_schema.popular_products (model_run_id, period, category, product_ids, scores, popularities) FROM STDIN';
export const PROMOTE_MODEL = 'SELECT app_schema.promote_model($1)';
export const PRUNE_RECOMMENDERS = 'SELECT app_schema.prune_recommenders()';

// Serving: the SQL functions that every door shares.
export const GET_RECOMMENDATIONS = 'SELECT * FROM app_schema.get_recommendations($1, $2, $3)';
/** A list of who did something last: it makes ready what lists of customers with a history need. */
export const ANY_RECOMMENDATION = `
  SELECT FROM (SELECT e.user_id FROM app_schema.events e WHERE e.user_id IS NOT NULL ORDER BY e.event_id DESC LIMIT 1) latest,
    app_schema.get_recommendations(latest.user_id, 1)`;
export const GET_SESSION_RECOMMENDATIONS = 'SELECT * FROM app_schema.get_session_recommendations($1, $2, $3)';
export const GET_SIMILAR_PRODUCTS = 'SELECT * FROM app_schema.get_similar_products($1, $2, $3)';
export const GET_BOUGHT_TOGETHER = 'SELECT * FROM app_schema.get_bought_together($1, $2, $3)';
export const GET_POPULAR_PRODUCTS = 'SELECT * FROM app_schema.get_popular_products($1, $2, $3, $4)';
export const PRODUCT_EXISTS =
  'SELECT EXISTS (SELECT FROM app_schema.products WHERE product_id = $1) AS present';
export const RECORD_RECOMMENDATIONS =
  'SELECT app_schema.record_recommendations($1, $2, $3, $4, $5) AS recommendation_id';
export const GET_RECOMMENDATION_RATES = 'SELECT * FROM app_schema.get_recommendation_rates($1, $2, $3)';

// What the shop decides.
export const LIST_RULES = 'SELECT * FROM app_schema.recommendation_rules ORDER BY rule_id';
export const ADD_RULE = `
  INSERT INTO app_schema.recommendation_rules (action, product_id, category, min_price, max_price, factor, position, interval_days, note)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *`;
export const REMOVE_RULE = 'DELETE FROM app_schema.recommendation_rules WHERE rule_id = $1';
export const LIST_EXPERIMENTS =
  'SELECT * FROM app_schema.recommendation_experiments ORDER BY experiment_id DESC';
export const START_EXPERIMENT =
  'SELECT app_schema.start_recommendation_experiment($1, $2, $3, $4) AS experiment_id';
export const STOP_EXPERIMENT = 'SELECT app_schema.stop_recommendation_experiment() AS name';
