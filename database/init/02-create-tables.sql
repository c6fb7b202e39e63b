-- The tables of the baseline. What came later stands in database/migrations/. A second run, also after migrations, changes nothing.

SET ROLE customer_analyzer_owner;

CREATE TABLE IF NOT EXISTS app_schema.users (
  user_id           SERIAL PRIMARY KEY,
  telegram_id       BIGINT NOT NULL UNIQUE,
  first_name        VARCHAR,
  last_name         VARCHAR,
  username          VARCHAR,
  registration_date TIMESTAMP WITH TIME ZONE DEFAULT now(),
  profile_data      JSONB DEFAULT '{}'
);

CREATE TABLE IF NOT EXISTS app_schema.products (
  product_id  SERIAL PRIMARY KEY,
  name        VARCHAR NOT NULL,
  category    VARCHAR,
  price       NUMERIC,
  description TEXT,
  attributes  JSONB DEFAULT '{}'
);

-- No CHECK on event_type: what a type means is a rule of the functions, and a shop has types of its own.
CREATE TABLE IF NOT EXISTS app_schema.events (
  event_id        BIGSERIAL PRIMARY KEY,
  user_id         INTEGER REFERENCES app_schema.users (user_id),
  product_id      INTEGER REFERENCES app_schema.products (product_id),
  event_type      VARCHAR NOT NULL,
  event_timestamp TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
  properties      JSONB NOT NULL DEFAULT '{}'
);

CREATE TABLE IF NOT EXISTS app_schema.user_metrics (
  user_id                  INTEGER PRIMARY KEY REFERENCES app_schema.users (user_id) ON DELETE CASCADE,
  segment_id               INTEGER,
  ltv                      NUMERIC,
  churn_probability        REAL CHECK (churn_probability BETWEEN 0 AND 1),
  purchase_probability_30d REAL CHECK (purchase_probability_30d BETWEEN 0 AND 1),
  last_updated             TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now()
);

-- One row: the functions below read the shop's days and money from it, never from the session.
CREATE TABLE IF NOT EXISTS app_schema.settings (
  setting_id BOOLEAN PRIMARY KEY DEFAULT true CHECK (setting_id),
  -- An unknown zone is an error of this expression; accepted, it would be one of every function that asks for a day.
  time_zone  TEXT NOT NULL DEFAULT 'UTC' CHECK (TIMESTAMPTZ '2000-01-01 00:00:00+00' AT TIME ZONE time_zone IS NOT NULL),
  currency   TEXT NOT NULL DEFAULT 'USD' CHECK (currency ~ '^[A-Z]{3}$')
);
INSERT INTO app_schema.settings DEFAULT VALUES ON CONFLICT DO NOTHING;

DO $comments$
BEGIN
  IF obj_description('app_schema.users'::regclass) IS NOT NULL THEN
    RETURN; -- a later migration may have said it better
  END IF;
  COMMENT ON TABLE app_schema.users IS 'Customers and visitors';
  COMMENT ON COLUMN app_schema.users.telegram_id IS 'Telegram id; negative where the customer has no Telegram account (yet)';
  COMMENT ON COLUMN app_schema.users.profile_data IS 'Free profile: country, language, consent, …';
  COMMENT ON TABLE app_schema.products IS 'Catalogue';
  COMMENT ON TABLE app_schema.events IS 'What happened: view, add_to_cart, purchase, refund, adjustment, bot_command, and types of the shop''s own';
  COMMENT ON COLUMN app_schema.events.user_id IS 'NULL where nobody knows who it was';
  COMMENT ON COLUMN app_schema.events.properties IS 'amount, or quantity and unit_price (positive, also of refunds); order_id joins the line items of an order';
  COMMENT ON TABLE app_schema.user_metrics IS 'The scores of the latest run, one row for each customer who ever bought';
  COMMENT ON COLUMN app_schema.user_metrics.ltv IS 'Revenue so far plus predicted revenue of the next 365 days, in the shop''s currency';
  COMMENT ON COLUMN app_schema.user_metrics.churn_probability IS 'Probability of no purchase within the churn horizon (90 days), calibrated';
  COMMENT ON COLUMN app_schema.user_metrics.purchase_probability_30d IS 'Probability of at least one purchase within 30 days, calibrated';
  COMMENT ON TABLE app_schema.settings IS 'One row: time zone and currency of the shop';
END
$comments$;

RESET ROLE;
