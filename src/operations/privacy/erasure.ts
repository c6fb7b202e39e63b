import { databaseError } from '../../database/database-error.ts';
import { inTransaction, type Pool } from '../../database/pool.ts';
import { AS_OWNER, ERASE_USER, EXPORT_USER, STRINGS_OF } from './queries.ts';
import { removeMentions } from './rejects.ts';

export interface ErasureReport {
  /** Rows that were deleted, or of events made anonymous, by table. */
  tables: { table_name: string; rows: number }[];
  /** Rows taken out of files of rejected rows, by file. */
  files: { file: string; rows: number }[];
}

/** All that is held of a customer: table -> rows. @throws NOT_FOUND */
export async function exportUser(pool: Pool, userId: number): Promise<Record<string, unknown[]>> {
  try {
    return await inTransaction(pool, async (client) => {
      await client.query(AS_OWNER);
      return (await client.query(EXPORT_USER, [userId])).rows[0].data;
    });
  } catch (error) {
    throw databaseError(error);
  }
}

/**
 * Erases a customer in one transaction, which fails where any table still has a row; then their rows from files of rejects.
 * @param pool logs in as superuser or admin_user
 * @throws NOT_FOUND; IMPORT_BUSY while an import of one of their sources runs; then nothing was changed
 */
export async function eraseUser(
  pool: Pool,
  userId: number,
  rejectsFiles: readonly string[],
): Promise<ErasureReport> {
  const files: ErasureReport['files'] = [];
  try {
    const tables = await inTransaction(pool, async (client) => {
      await client.query(AS_OWNER);
      const strings: string[] = (await client.query(STRINGS_OF, [userId])).rows[0].strings ?? [];
      const erased = (await client.query(ERASE_USER, [userId])).rows as ErasureReport['tables'];
      // Before the commit: a file that cannot be written must not leave a person half erased and unknown.
      for (const file of rejectsFiles) files.push({ file, rows: await removeMentions(file, strings) });
      return erased;
    });
    return { tables, files };
  } catch (error) {
    throw databaseError(error);
  }
}
