-- What a training of recommendations publishes, one version a run of the registry: readers follow the champion, so that a promotion is
-- all that changes what they see, and promoting the run before takes it back.

CREATE TABLE app_schema.recommenders (
  model_run_id      bigint PRIMARY KEY REFERENCES app_schema.model_runs (model_run_id),
  view_weight       double precision NOT NULL DEFAULT 0.2 CHECK (view_weight >= 0),
  cart_weight       double precision NOT NULL DEFAULT 0.5 CHECK (cart_weight >= 0),
  purchase_weight   double precision NOT NULL DEFAULT 1 CHECK (purchase_weight > 0),
  half_life_days    double precision NOT NULL DEFAULT 90 CHECK (half_life_days > 0),
  history_events    integer NOT NULL DEFAULT 200 CHECK (history_events BETWEEN 1 AND 1000),
  history_products  integer NOT NULL DEFAULT 30 CHECK (history_products BETWEEN 1 AND 1000),
  repeat_weight     double precision NOT NULL DEFAULT 1 CHECK (repeat_weight >= 0),
  due_after         double precision NOT NULL DEFAULT 0.5 CHECK (due_after >= 0),
  popularity_weight double precision NOT NULL DEFAULT 0.01 CHECK (popularity_weight > 0)
);
COMMENT ON TABLE app_schema.recommenders IS
  'Published versions of the recommendations, by run of the registry, and how each reads a history; older ones than the last few are deleted with all that refers to them';
COMMENT ON COLUMN app_schema.recommenders.view_weight IS 'What a look at a product says beside a purchase; halved each half_life_days before the customer''s own last event';
COMMENT ON COLUMN app_schema.recommenders.history_events IS 'The latest so many events of a customer are read: they say what somebody wants now';
COMMENT ON COLUMN app_schema.recommenders.history_products IS 'And of their products the weightiest so many: the cost of a list is theirs times the width of a row of weights';
COMMENT ON COLUMN app_schema.recommenders.repeat_weight IS 'Times the share of buyers who buy a product again: the score of what is due again';
COMMENT ON COLUMN app_schema.recommenders.due_after IS 'A product is due again when this part of its usual interval has gone by since the last purchase';
COMMENT ON COLUMN app_schema.recommenders.popularity_weight IS 'Times popularity (0-1): decides between equals, and ranks where nothing else is known';

-- Copied and not renamed: names of constraints would stay with the old tables, and the new ones would get others than a dump restores.
CREATE TABLE app_schema.old_neighbours AS SELECT * FROM app_schema.product_neighbours;
CREATE TABLE app_schema.old_popularity AS SELECT * FROM app_schema.product_popularity;
DROP TABLE app_schema.product_neighbours;
DROP TABLE app_schema.product_popularity;

-- No foreign key to products: it would need an index of its own in each version, and what points to a deleted product is skipped by readers.
CREATE TABLE app_schema.product_neighbours (
  model_run_id   bigint NOT NULL REFERENCES app_schema.recommenders (model_run_id) ON DELETE CASCADE,
  product_id     integer NOT NULL,
  neighbour_ids  integer[] NOT NULL DEFAULT '{}',
  weights        real[] NOT NULL DEFAULT '{}',
  collaborative  integer NOT NULL DEFAULT 0,
  similar_ids    integer[] NOT NULL DEFAULT '{}',
  similarities   real[] NOT NULL DEFAULT '{}',
  PRIMARY KEY (model_run_id, product_id),
  CHECK (cardinality(neighbour_ids) = cardinality(weights) AND cardinality(similar_ids) = cardinality(similarities)),
  CHECK (collaborative BETWEEN 0 AND cardinality(neighbour_ids))
);
COMMENT ON TABLE app_schema.product_neighbours IS 'For each product what it says for and against others, and which are like it';
COMMENT ON COLUMN app_schema.product_neighbours.weights IS
  'score(j) = sum of h(i) w(i, j) over a history; may be below 0, and product_id may stand among its own neighbours';
COMMENT ON COLUMN app_schema.product_neighbours.collaborative IS
  'The first so many neighbours were taken by the same customers; the others are like the product by text and attributes alone, with a weight that falls as the products gather history';
COMMENT ON COLUMN app_schema.product_neighbours.similar_ids IS 'Most similar first, by text and attributes, with similarity 0-1';

CREATE TABLE app_schema.product_popularity (
  model_run_id         bigint NOT NULL REFERENCES app_schema.recommenders (model_run_id) ON DELETE CASCADE,
  product_id           integer NOT NULL,
  popularity           real NOT NULL,
  buyers               integer NOT NULL,
  repeat_share         real NOT NULL,
  is_bought_repeatedly boolean NOT NULL,
  repeat_interval_days real,
  trending             text CHECK (trending IN ('week', 'month')),
  PRIMARY KEY (model_run_id, product_id)
);
COMMENT ON TABLE app_schema.product_popularity IS 'Recent demand (0-1, the most wanted product has 1) and whether customers buy the product again';
COMMENT ON COLUMN app_schema.product_popularity.repeat_share IS
  'Share of its buyers who bought it on more than one day, drawn to that of its category where buyers are few';
COMMENT ON COLUMN app_schema.product_popularity.repeat_interval_days IS
  'Median days between two purchases by the same customer; of the category where too few repeated this product';
COMMENT ON COLUMN app_schema.product_popularity.trending IS 'The shorter of the periods before the training in which it was among the 100 most wanted; NULL where in neither';

CREATE TABLE app_schema.popular_products (
  model_run_id bigint NOT NULL REFERENCES app_schema.recommenders (model_run_id) ON DELETE CASCADE,
  period       text NOT NULL CHECK (period IN ('recent', 'week', 'month', 'quarter', 'year')),
  category     varchar NOT NULL DEFAULT '',
  product_ids  integer[] NOT NULL,
  scores       real[] NOT NULL,
  PRIMARY KEY (model_run_id, period, category),
  CHECK (cardinality(product_ids) = cardinality(scores))
);
COMMENT ON TABLE app_schema.popular_products IS 'The most wanted products of each period before the training and category, most wanted first; the category '''' is the whole shop';
COMMENT ON COLUMN app_schema.popular_products.period IS 'recent: all time, halved every 30 days; the others count the customers of 7, 30, 90 and 365 days';

-- get_champion: one probe, whatever the number of runs; recommendations ask it for each list.
CREATE INDEX idx_model_runs_promoted ON app_schema.model_runs (kind, as_of, model_run_id) WHERE status = 'promoted';

-- What was published before stays in use.
UPDATE app_schema.model_runs r SET status = 'promoted', algorithm = 'cosine'
WHERE r.model_run_id = (SELECT max(n.model_run_id) FROM app_schema.model_runs n WHERE n.kind = 'recommendations');
INSERT INTO app_schema.recommenders (model_run_id)
SELECT r.model_run_id FROM app_schema.model_runs r WHERE r.kind = 'recommendations' AND r.status = 'promoted';
INSERT INTO app_schema.product_neighbours (model_run_id, product_id, neighbour_ids, weights, collaborative)
SELECT r.model_run_id, n.product_id, n.neighbour_ids, n.weights, cardinality(n.neighbour_ids)
FROM app_schema.old_neighbours n CROSS JOIN app_schema.recommenders r;
INSERT INTO app_schema.product_popularity
SELECT r.model_run_id, q.product_id, q.popularity, q.buyers, q.repeat_share, q.is_bought_repeatedly, q.repeat_interval_days
FROM app_schema.old_popularity q CROSS JOIN app_schema.recommenders r;
INSERT INTO app_schema.popular_products (model_run_id, period, product_ids, scores)
SELECT q.model_run_id, 'recent', (array_agg(q.product_id ORDER BY q.popularity DESC, q.product_id))[:1000],
  (array_agg(q.popularity ORDER BY q.popularity DESC, q.product_id))[:1000]
FROM app_schema.product_popularity q
GROUP BY q.model_run_id;
DROP TABLE app_schema.old_neighbours;
DROP TABLE app_schema.old_popularity;

-- The same customers' latest events are read for each list: with product and type in the index the rows of the table, each on a page of
-- its own, are left alone.
DROP INDEX app_schema.idx_events_user_timestamp;
CREATE INDEX idx_events_user_timestamp ON app_schema.events (user_id, event_timestamp) INCLUDE (product_id, event_type);

CREATE TABLE app_schema.recommendation_experiments (
  experiment_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name          text NOT NULL UNIQUE CHECK (name <> ''),
  control_run   bigint NOT NULL,
  treatment_run bigint NOT NULL,
  share         real NOT NULL CHECK (share BETWEEN 0 AND 1),
  started_at    timestamptz NOT NULL DEFAULT now(),
  stopped_at    timestamptz,
  CHECK (control_run <> treatment_run)
);
COMMENT ON TABLE app_schema.recommendation_experiments IS 'Two published versions side by side: share of the customers, by a stable hash of user_id, get the treatment';
-- One at a time: two that overlap would each spoil what the other measures. Also where readers find it.
CREATE UNIQUE INDEX idx_recommendation_experiments_running ON app_schema.recommendation_experiments ((stopped_at IS NULL)) WHERE stopped_at IS NULL;

CREATE OR REPLACE FUNCTION app_schema.promote_model(p_model_run_id bigint) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $function$
DECLARE
  v_run app_schema.model_runs;
BEGIN
  SELECT * INTO v_run FROM app_schema.model_runs r WHERE r.model_run_id = p_model_run_id FOR UPDATE;
  IF v_run.model_run_id IS NULL THEN
    RAISE EXCEPTION 'there is no run %', p_model_run_id
      USING ERRCODE = 'CA002', HINT = 'SELECT * FROM app_schema.list_models() shows the runs.';
  ELSIF v_run.status = 'applied' THEN
    RAISE EXCEPTION 'run % (%) is no model that can be applied again', p_model_run_id, v_run.kind
      USING ERRCODE = 'CA002', HINT = 'Promote a run of a training: SELECT * FROM app_schema.list_models() shows them.';
  ELSIF v_run.kind = 'recommendations' AND NOT EXISTS (SELECT FROM app_schema.recommenders c WHERE c.model_run_id = p_model_run_id) THEN
    RAISE EXCEPTION 'the weights of run % were deleted: only those of the last few trainings are kept', p_model_run_id
      USING ERRCODE = 'CA002', HINT = 'SELECT * FROM app_schema.recommenders shows the runs that have theirs.';
  END IF;
  -- Of the same kind those that would go before it step back: that is how an older model is brought back.
  UPDATE app_schema.model_runs r SET status = 'challenger'
  WHERE r.kind = v_run.kind AND r.status = 'promoted' AND (r.as_of, r.model_run_id) > (v_run.as_of, v_run.model_run_id);
  UPDATE app_schema.model_runs r SET status = 'promoted' WHERE r.model_run_id = p_model_run_id;
  RETURN v_run.kind;
END
$function$;
COMMENT ON FUNCTION app_schema.promote_model(bigint) IS
  'Makes a run the champion of its kind, also an older one; the next score applies it, of recommendations the next read. Returns the kind';

CREATE FUNCTION app_schema.prune_recommenders(p_keep integer DEFAULT 3) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $function$
DECLARE
  v_deleted integer;
BEGIN
  IF p_keep IS NULL OR p_keep < 1 THEN
    RAISE EXCEPTION 'at least one version is kept, not %', coalesce(p_keep::text, 'NULL') USING ERRCODE = 'CA002';
  END IF;
  DELETE FROM app_schema.recommenders c
  WHERE c.model_run_id NOT IN (SELECT n.model_run_id FROM app_schema.recommenders n ORDER BY n.model_run_id DESC LIMIT p_keep)
    AND c.model_run_id NOT IN (
      -- Champions, and the one before: what is taken back to.
      SELECT r.model_run_id FROM app_schema.model_runs r JOIN app_schema.recommenders k ON k.model_run_id = r.model_run_id
      WHERE r.status = 'promoted' ORDER BY r.as_of DESC, r.model_run_id DESC LIMIT 2
    )
    AND NOT EXISTS (
      SELECT FROM app_schema.recommendation_experiments x
      WHERE x.stopped_at IS NULL AND c.model_run_id IN (x.control_run, x.treatment_run)
    );
  GET DIAGNOSTICS v_deleted = ROW_COUNT;
  RETURN v_deleted;
END
$function$;
COMMENT ON FUNCTION app_schema.prune_recommenders(integer) IS
  'Deletes the weights of all versions but the newest p_keep, the champion, the one promoted before it, and those of a running experiment; returns how many. The runs stay in the registry';

CREATE FUNCTION app_schema.start_recommendation_experiment(p_name text, p_control_run bigint, p_treatment_run bigint, p_share real DEFAULT 0.5)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $function$
DECLARE
  v_id integer;
  v_missing bigint;
BEGIN
  SELECT m.id INTO v_missing FROM unnest(ARRAY[p_control_run, p_treatment_run]) m (id)
  WHERE NOT EXISTS (SELECT FROM app_schema.recommenders c WHERE c.model_run_id = m.id) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'run % has no published recommendations', coalesce(v_missing::text, 'NULL')
      USING ERRCODE = 'CA002', HINT = 'SELECT * FROM app_schema.recommenders shows the runs that have.';
  ELSIF p_control_run = p_treatment_run THEN
    RAISE EXCEPTION 'control and treatment are the same run' USING ERRCODE = 'CA002', HINT = 'An experiment compares two runs.';
  ELSIF (p_share BETWEEN 0 AND 1) IS NOT TRUE THEN
    RAISE EXCEPTION 'the share must be from 0 to 1, not %', coalesce(p_share::text, 'NULL') USING ERRCODE = 'CA002', HINT = '0.5 gives half of the customers the treatment.';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('customer-analyzer recommendation experiments'));
  IF EXISTS (SELECT FROM app_schema.recommendation_experiments x WHERE x.stopped_at IS NULL) THEN
    RAISE EXCEPTION 'another experiment is running' USING ERRCODE = 'CA002', HINT = 'Stop it first: SELECT app_schema.stop_recommendation_experiment();';
  ELSIF coalesce(p_name, '') = '' OR EXISTS (SELECT FROM app_schema.recommendation_experiments x WHERE x.name = p_name) THEN
    RAISE EXCEPTION 'an experiment needs a name that none had before, not "%"', p_name USING ERRCODE = 'CA002', HINT = 'The name decides who gets what.';
  END IF;
  INSERT INTO app_schema.recommendation_experiments (name, control_run, treatment_run, share)
  VALUES (p_name, p_control_run, p_treatment_run, p_share) RETURNING experiment_id INTO v_id;
  RETURN v_id;
END
$function$;
COMMENT ON FUNCTION app_schema.start_recommendation_experiment(text, bigint, bigint, real) IS
  'Gives p_share of the customers the treatment run and the others the control run, from the commit on; returns experiment_id';

CREATE FUNCTION app_schema.stop_recommendation_experiment() RETURNS text
LANGUAGE sql VOLATILE SECURITY INVOKER
AS $function$
  UPDATE app_schema.recommendation_experiments x SET stopped_at = now() WHERE x.stopped_at IS NULL RETURNING x.name
$function$;
COMMENT ON FUNCTION app_schema.stop_recommendation_experiment() IS 'Ends the running experiment, all get the champion again; returns its name, NULL where none ran';

CREATE FUNCTION app_schema.get_experiment_arm(p_user_id integer, p_name text, p_share real) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SECURITY INVOKER
AS $function$
  -- md5 and not hashint4: PostgreSQL's own hashes may change with its version, and a customer must not change sides by an upgrade.
  SELECT CASE WHEN ('x' || left(md5(p_name || ':' || p_user_id), 8))::bit(32)::bigint < p_share::double precision * 4294967296
    THEN 'treatment' ELSE 'control' END
$function$;
COMMENT ON FUNCTION app_schema.get_experiment_arm(integer, text, real) IS
  'treatment or control: by a hash of name and user_id, the same for ever; a larger share moves customers to the treatment only';

CREATE FUNCTION app_schema.get_recommender_of(p_user_id integer DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
DECLARE
  v_run bigint;
BEGIN
  IF p_user_id IS NOT NULL THEN
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
COMMENT ON FUNCTION app_schema.get_recommender_of(integer) IS
  'The run whose recommendations a customer gets now: that of the running experiment, else the champion (also without a customer); NULL before the first training';
