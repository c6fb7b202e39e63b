/** Near enough to decide how many customers train, and at once. */
export const ESTIMATE_EVENTS = `
  SELECT greatest(reltuples, 0)::double precision AS events FROM pg_catalog.pg_class WHERE oid = 'app_schema.events'::regclass`;

/**
 * What customers did before the moment $1, by customer and in order of time: user, product, kind (a place in view, add_to_cart, purchase,
 * refund), days since 1970; events of nobody known, whose user is NULL, at the end. $2 is the share of customers, drawn by a hash of the id (Knuth's multiplicative
 * one: neighbours part), and of the others' events by one of the moment. In this
 * order the index idx_events_user_timestamp holds all of it, but for the kind: what came back in the moment of its purchase comes after it, as the lists
 * have it, and whatever the plan. COPY takes no parameters: the server formats them as literals.
 */
export const FORMAT_EVENTS = `
  SELECT format($sql$
    COPY (
      SELECT e.user_id, e.product_id, array_position('{view,add_to_cart,purchase,refund}'::text[], e.event_type::text) - 1 AS kind,
        date_part('epoch', e.event_timestamp) / 86400
      FROM app_schema.events e
      WHERE e.product_id IS NOT NULL AND e.event_type IN ('view', 'add_to_cart', 'purchase', 'refund') AND e.event_timestamp < %1$L::timestamptz
        AND (%2$L::double precision >= 1 OR coalesce(e.user_id, (date_part('epoch', e.event_timestamp) * 1000)::bigint %% 2147483648)
          * 2654435761 %% 4294967296 < %2$L::double precision * 4294967296)
      ORDER BY e.user_id, e.event_timestamp, e.product_id, kind
    ) TO STDOUT (FORMAT binary)
  $sql$, $1::timestamptz, $2::double precision) AS sql`;

/** When the shop's own days between two moments begin, in days since 1970, the last one after the second. */
export const DAY_STARTS = `
  SELECT date_part('epoch', app_schema.day_start(d::date)) / 86400 AS start
  FROM app_schema.settings s
  CROSS JOIN LATERAL generate_series(($1::timestamptz AT TIME ZONE s.time_zone)::date::timestamp, ($2::timestamptz AT TIME ZONE s.time_zone)::date + 1, '1 day') d
  ORDER BY 1`;

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
