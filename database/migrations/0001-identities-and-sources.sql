-- Where events come from, and who is who outside: the ground of exactly-once ingestion.

-- Telegram's own ids are positive, so a customer without an account gets a negative one and the column stays NOT NULL and UNIQUE.
CREATE SEQUENCE app_schema.placeholder_telegram_id_seq INCREMENT BY -1 MINVALUE -9223372036854775807 MAXVALUE -1 START WITH -1;
COMMENT ON SEQUENCE app_schema.placeholder_telegram_id_seq IS 'Negative telegram_id of customers without a Telegram account';
ALTER TABLE app_schema.users ALTER COLUMN telegram_id SET DEFAULT nextval('app_schema.placeholder_telegram_id_seq');

ALTER TABLE app_schema.products
  ADD COLUMN stock integer,
  ADD COLUMN is_merchandise boolean NOT NULL DEFAULT true,
  ADD COLUMN is_hidden boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN app_schema.products.stock IS 'Pieces on hand; NULL where nobody counts';
COMMENT ON COLUMN app_schema.products.is_merchandise IS 'False for postage, fees, samples and manual lines: never recommended, never a top product';
COMMENT ON COLUMN app_schema.products.is_hidden IS 'True where the shop does not want it recommended';

CREATE TABLE app_schema.sources (
  source_id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name      text NOT NULL UNIQUE
);
COMMENT ON TABLE app_schema.sources IS 'Systems that events come from';

-- No foreign key to sources: it would cost one more look-up for each event, and rows of sources are only ever added.
ALTER TABLE app_schema.events
  ADD COLUMN source_id smallint,
  ADD COLUMN external_id text COLLATE "C",
  ADD CONSTRAINT events_source_needs_external_id CHECK ((source_id IS NULL) = (external_id IS NULL));
COMMENT ON COLUMN app_schema.events.source_id IS 'sources.source_id, NULL for events written by hand';
COMMENT ON COLUMN app_schema.events.external_id IS 'Natural key of the event within its source: the same event sent again has the same key';

-- Ingestion: ON CONFLICT (source_id, external_id) DO NOTHING is what counts an event once, for ever. Text of the source's own
-- order (invoice, line) keeps inserts at neighbouring leaves; a hash would scatter them over the whole index.
CREATE UNIQUE INDEX idx_events_source_external_id ON app_schema.events (source_id, external_id);
-- The foreign key: deleting a product would read all events without it. Also a product's own history.
CREATE INDEX idx_events_product_id ON app_schema.events (product_id);

CREATE TABLE app_schema.user_identities (
  source      text NOT NULL,
  external_id text COLLATE "C" NOT NULL,
  user_id     integer NOT NULL REFERENCES app_schema.users (user_id) ON DELETE CASCADE,
  PRIMARY KEY (source, external_id)
);
COMMENT ON TABLE app_schema.user_identities IS 'Ids that other systems give to our customers';
-- The foreign key, and "which outside ids has this customer".
CREATE INDEX idx_user_identities_user_id ON app_schema.user_identities (user_id);

CREATE TABLE app_schema.product_identities (
  source      text NOT NULL,
  external_id text COLLATE "C" NOT NULL,
  product_id  integer NOT NULL REFERENCES app_schema.products (product_id) ON DELETE CASCADE,
  PRIMARY KEY (source, external_id)
);
COMMENT ON TABLE app_schema.product_identities IS 'Ids that other systems give to our products';
-- The foreign key, and "which outside ids has this product".
CREATE INDEX idx_product_identities_product_id ON app_schema.product_identities (product_id);

CREATE TABLE app_schema.import_runs (
  import_run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source        text NOT NULL,
  format        text NOT NULL,
  file_name     text NOT NULL,
  started_at    timestamptz NOT NULL DEFAULT now(),
  finished_at   timestamptz,
  read          bigint,
  accepted      bigint,
  duplicates    bigint,
  rejected      bigint,
  status        text NOT NULL DEFAULT 'running'
);
COMMENT ON TABLE app_schema.import_runs IS 'Each import of a file and its count; read = accepted + duplicates + rejected';

-- Postage and fees are money but no products.
CREATE OR REPLACE FUNCTION app_schema.get_top_products(p_start_date date, p_end_date date, p_limit integer DEFAULT 10)
RETURNS TABLE (
  product_id integer, name varchar, category varchar, views bigint, cart_additions bigint, purchases bigint, buyers bigint,
  revenue numeric, conversion numeric
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
BEGIN
  PERFORM app_schema.check_period(p_start_date, p_end_date), app_schema.check_limit(p_limit);
  RETURN QUERY
    SELECT p.product_id, p.name, p.category, a.views, a.cart_additions, a.purchases, a.buyers, a.revenue,
      round(a.purchases::numeric / nullif(a.views, 0), 4)
    FROM (
      SELECT e.product_id,
        count(*) FILTER (WHERE e.event_type = 'view') AS views,
        count(*) FILTER (WHERE e.event_type = 'add_to_cart') AS cart_additions,
        count(DISTINCT app_schema.order_key(e.properties, e.event_id)) FILTER (WHERE e.event_type = 'purchase') AS purchases,
        count(DISTINCT e.user_id) FILTER (WHERE e.event_type = 'purchase') AS buyers,
        coalesce(sum(app_schema.event_revenue(e.event_type, e.properties)), 0) AS revenue
      FROM app_schema.events e
      WHERE e.product_id IS NOT NULL AND e.event_type IN ('view', 'add_to_cart', 'purchase', 'refund')
        AND e.event_timestamp >= app_schema.day_start(p_start_date) AND e.event_timestamp < app_schema.day_start(p_end_date + 1)
      GROUP BY e.product_id
    ) a
    JOIN app_schema.products p ON p.product_id = a.product_id AND p.is_merchandise
    ORDER BY a.revenue DESC, a.purchases DESC, p.product_id
    LIMIT p_limit;
END
$function$;
