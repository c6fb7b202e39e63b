-- Events that arrive over HTTP: what is remembered of each message, what was refused, and who said what about whom.

-- events stays narrow: its own unique key counts an event once, for ever. This ledger only knows whether a message that comes again says the same,
-- and remembers messages that make no event (identify, alias). Rows may be forgotten after a while: a repeated event is then a duplicate still.
CREATE TABLE app_schema.ingested_messages (
  source_id   smallint NOT NULL,
  body_hash   uuid NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  message_id  text COLLATE "C" NOT NULL,
  PRIMARY KEY (source_id, message_id)
);
COMMENT ON TABLE app_schema.ingested_messages IS 'Messages received over HTTP: the same id with another body is a conflict, with the same a duplicate';
COMMENT ON COLUMN app_schema.ingested_messages.body_hash IS
  'First 128 bits of SHA-256 over the canonical JSON of the body, without sentAt and what else only its transport sets';

CREATE TABLE app_schema.ingest_rejects (
  reject_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source      text NOT NULL,
  kind        text NOT NULL,
  code        text NOT NULL,
  reason      text NOT NULL,
  body_hash   uuid NOT NULL,
  body        text NOT NULL,
  is_whole    boolean NOT NULL,
  received_at timestamptz NOT NULL,
  attempts    integer NOT NULL DEFAULT 1,
  -- A client that repeats a request repeats its rejects: one row each.
  UNIQUE (source, kind, body_hash)
);
COMMENT ON TABLE app_schema.ingest_rejects IS 'Dead letters: messages over HTTP that were refused, to be looked at and replayed. A replay that succeeds removes the row';
COMMENT ON COLUMN app_schema.ingest_rejects.kind IS 'event for our plain form, else the type of Segment''s message';
COMMENT ON COLUMN app_schema.ingest_rejects.body IS 'The message as JSON, cut where it is not whole';
COMMENT ON COLUMN app_schema.ingest_rejects.received_at IS 'When it came first: a replay corrects clocks by this moment';
COMMENT ON COLUMN app_schema.ingest_rejects.attempts IS 'How often it was refused';

ALTER TABLE app_schema.user_identities
  ADD COLUMN linked_at timestamptz,
  ADD COLUMN linked_by text COLLATE "C";
COMMENT ON COLUMN app_schema.user_identities.linked_at IS
  'Of an anonymous visitor (source ending in #anonymous): the moment of the identify or alias that named the customer. The earliest wins, whatever the order of arrival';
COMMENT ON COLUMN app_schema.user_identities.linked_by IS 'Message id of that identify or alias, which decides between equal moments';

-- By outside id and not by customer: when an anonymous id turns out to be somebody's, what was said under it goes along.
CREATE TABLE app_schema.identity_traits (
  source      text NOT NULL,
  external_id text COLLATE "C" NOT NULL,
  key         text COLLATE "C" NOT NULL,
  value       jsonb NOT NULL,
  set_at      timestamptz NOT NULL,
  set_by      text COLLATE "C" NOT NULL,
  PRIMARY KEY (source, external_id, key),
  FOREIGN KEY (source, external_id) REFERENCES app_schema.user_identities (source, external_id) ON DELETE CASCADE
);
COMMENT ON TABLE app_schema.identity_traits IS
  'Traits of identify messages, for each outside id and key the latest by moment, then message id; users.profile_data and names are folded from them';
COMMENT ON COLUMN app_schema.identity_traits.value IS 'JSON null takes the trait away';
