import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { AppError } from '../../errors.ts';

/** A record of CSV with its line end; a quoted field may hold line ends. */
const record = /(?:[^"\n]|"(?:[^"]|"")*")*(?:\n|$)/gy;
/** What separates words of a row: an id must be a whole word, or customer 12 would take the rows of 123 along. */
const separators = /[^\p{L}\p{N}@._+-]+/u;

function mentions(text: string, strings: ReadonlySet<string>): boolean {
  return (
    text.split(separators).some((word) => strings.has(word.toLowerCase())) ||
    // A text of several words, such as an address.
    [...strings].some((each) => separators.test(each) && text.toLowerCase().includes(each))
  );
}

/**
 * Takes the rows that name a person out of a file of rejects (ingestion/rejects-file.ts), which stands aside until it is whole.
 * @returns the rows removed @throws IMPORT_FILE
 */
export async function removeMentions(path: string, strings: readonly string[]): Promise<number> {
  const wanted = new Set(strings.map((each) => each.toLowerCase()));
  try {
    const [heading = '', ...rows] = ((await readFile(path, 'utf8')).match(record) ?? []).filter(
      (each) => each !== '',
    );
    const kept = rows.filter((row) => !mentions(row.replaceAll('""', '"'), wanted));
    if (kept.length === rows.length) return 0;
    await writeFile(`${path}.partial`, [heading, ...kept].join(''), { mode: (await stat(path)).mode });
    await rename(`${path}.partial`, path);
    return rows.length - kept.length;
  } catch (cause) {
    throw new AppError('IMPORT_FILE', `${path} cannot be rewritten: ${(cause as Error).message}`, {
      hint: 'Nothing was erased. Name the files of rejected rows that exist, and that you may write.',
      cause,
    });
  }
}
