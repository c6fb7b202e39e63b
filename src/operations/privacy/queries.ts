/** The functions of the schema privacy decide; nothing is worked out here. */

/** They belong to the owner role: run as superuser, what an owner put into them would run with all rights. */
export const AS_OWNER = 'SET LOCAL ROLE customer_analyzer_owner';
export const ERASE_USER = 'SELECT table_name, rows FROM privacy.erase_user($1)';
export const EXPORT_USER = 'SELECT privacy.export_user($1) AS data';
export const STRINGS_OF = 'SELECT privacy.strings_of($1) AS strings';
