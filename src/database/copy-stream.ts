import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import type pg from 'pg';
import { from, to } from 'pg-copy-streams';
import { type CopyValue, copyRow } from './copy-text.ts';

const FLUSH_CHARACTERS = 1 << 16;

/**
 * Writes rows by COPY … FROM STDIN; waits where the server is slower. What `rows` throws ends the COPY and is thrown on.
 * @returns the number of rows
 */
export async function copyInto(
  client: pg.ClientBase,
  sql: string,
  rows: Iterable<readonly CopyValue[]>,
): Promise<number> {
  const stream = client.query(from(sql));
  const failed = finished(stream);
  // Without a handler a failure between two writes would count as unhandled; the awaits below still throw it.
  failed.catch(() => undefined);
  let buffer = '';
  let count = 0;
  try {
    for (const row of rows) {
      buffer += copyRow(row);
      count += 1;
      if (buffer.length < FLUSH_CHARACTERS) continue;
      if (!stream.write(buffer)) await Promise.race([once(stream, 'drain'), failed]);
      buffer = '';
    }
  } catch (error) {
    // A COPY left open would make the ROLLBACK wait for ever.
    stream.destroy(error as Error);
    await failed.catch(() => undefined);
    throw error;
  }
  stream.end(buffer);
  await failed;
  return count;
}

/** Lines of COPY … TO STDOUT in text format, split into fields; for numbers and other text that COPY does not escape. */
export async function* copyLines(client: pg.ClientBase, sql: string): AsyncGenerator<string[]> {
  const stream = client.query(to(sql));
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + (chunk as Buffer).toString('latin1')).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) yield line.split('\t');
  }
}
