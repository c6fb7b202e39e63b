/** The views of the schema monitoring decide; nothing is computed here. */

export const SLOW_QUERIES = 'SELECT * FROM monitoring.slow_queries LIMIT $1';
export const ACTIVITY =
  'SELECT * FROM monitoring.activity ORDER BY cardinality(blocked_by) DESC, transaction_seconds DESC NULLS LAST, pid';
export const LOCKS = 'SELECT * FROM monitoring.locks ORDER BY waiting_seconds DESC NULLS LAST';
export const DATABASE = 'SELECT * FROM monitoring.database';
export const TABLES = 'SELECT * FROM monitoring.tables';
export const INDEXES = 'SELECT * FROM monitoring.indexes';
export const HEALTH = 'SELECT * FROM monitoring.health';
