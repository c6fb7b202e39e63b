/** The views of the schema monitoring decide; only what the program has to be there, no view can know. */

export const SLOW_QUERIES = 'SELECT * FROM monitoring.slow_queries LIMIT $1';
export const ACTIVITY =
  'SELECT * FROM monitoring.activity ORDER BY cardinality(blocked_by) DESC, transaction_seconds DESC NULLS LAST, pid';
export const LOCKS = 'SELECT * FROM monitoring.locks ORDER BY waiting_seconds DESC NULLS LAST';
export const DATABASE = 'SELECT * FROM monitoring.database';
export const TABLES = 'SELECT * FROM monitoring.tables';
export const INDEXES = 'SELECT * FROM monitoring.indexes';
export const HEALTH = 'SELECT * FROM monitoring.health';
/**
 * $1: names as `readSchemaObjects` writes them. A trigger that is switched off is as good as none. What weighs most comes first: the indexes of a
 * table that is gone are no news.
 */
export const MISSING_OBJECTS = `
  SELECT m.name
  FROM (
    SELECT unnest($1::text[]) AS name
    EXCEPT
    SELECT CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'i' THEN 'index ' WHEN 'I' THEN 'index ' ELSE 'table ' END || n.nspname || '.' || c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    EXCEPT
    SELECT 'function ' || n.nspname || '.' || p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    EXCEPT
    SELECT 'trigger ' || t.tgname || ' on ' || n.nspname || '.' || c.relname
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE t.tgenabled <> 'D'
  ) m
  ORDER BY array_position(ARRAY['table', 'view', 'function', 'trigger', 'index'], split_part(m.name, ' ', 1)), m.name`;
