import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventLines, ImportFolder } from './import-support.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

let database: TestDatabase;
let folder: ImportFolder;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = new ImportFolder(database.appPool);
});
afterEach(() => database.clear());
afterAll(async () => {
  folder.remove();
  await database.drop();
});

const count = async (table = 'events'): Promise<number> =>
  (await folder.rows(`SELECT count(*) FROM app_schema.${table}`))[0]?.['count'] as number;

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10);
}

const rows = 150_000;
const many = (): string =>
  eventLines(
    rows,
    (i) =>
      `e${i},purchase,2024-01-${String(1 + (i % 28)).padStart(2, '0')} 10:00:00,u${i % 5_000},p${i % 300},1,2.50`,
  );

/** An import in a process of its own, as the build runs it. */
function importInChild(path: string): ChildProcess {
  const script = `
    import { importFiles } from '${new URL('../dist/ingestion/import.js', import.meta.url).href}';
    import { createPool } from '${new URL('../dist/database/pool.js', import.meta.url).href}';
    const pool = createPool(process.argv[1], { applicationName: 'import-child' });
    await importFiles([process.argv[2]], {}, { pool, stdin: process.stdin });
    await pool.end();`;
  return spawn(process.execPath, ['--input-type=module', '-e', script, database.urls.app, path], {
    stdio: ['ignore', 'inherit', 'inherit'],
    cwd: folder.path,
  });
}

describe('an import that is killed', () => {
  it('is completed by a second run, with no loss and no double', async () => {
    const path = folder.file('many.csv', many());
    const child = importInChild(path);
    await until(async () => (await count()) > 0 || child.exitCode !== null);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const before = await count();
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(rows);
    const { counts } = await folder.import(path);
    expect(counts.read).toBe(rows);
    expect(counts.accepted + counts.duplicates).toBe(rows);
    expect(counts.accepted).toBeLessThan(rows);
    expect(await count()).toBe(rows);
    expect(await count('users')).toBe(5_000);
    expect(await count('products')).toBe(300);
    expect(await folder.rows('SELECT status FROM app_schema.import_runs ORDER BY import_run_id')).toEqual([
      { status: 'interrupted' },
      { status: 'completed' },
    ]);
    expect((await folder.import(path)).counts).toEqual({
      read: rows,
      accepted: 0,
      duplicates: rows,
      rejected: 0,
    });
  });

  it('by its caller keeps what is committed, and is completed too', async () => {
    const path = folder.file('many.csv', many());
    const controller = new AbortController();
    const interrupted = folder.import(
      path,
      {},
      { signal: controller.signal, onProgress: ({ accepted }) => accepted > 0 && controller.abort() },
    );
    await expect(interrupted).rejects.toMatchObject({ name: 'AbortError' });
    const before = await count();
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(rows);
    expect((await folder.import(path)).counts).toMatchObject({ accepted: rows - before, duplicates: before });
  });

  it('by a server that ends its connections is completed too', async () => {
    const path = folder.file('many.csv', many());
    const failed = folder.import(path).catch((error: unknown) => error);
    await until(
      async () =>
        (await database.adminPool.query('SELECT count(*) FROM app_schema.events')).rows[0].count > 0,
    );
    await database.adminPool.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'app_user'",
    );
    expect(await failed).toBeInstanceOf(Error);
    expect((await folder.import(path)).counts.read).toBe(rows);
    expect(await count()).toBe(rows);
  });
});

describe('two imports at once', () => {
  it('of one source: the second is told to wait', async () => {
    const stdin = new PassThrough();
    stdin.write(eventLines(4_000, (i) => `e${i},view,2024-01-01,u${i},p1,,`));
    const first = folder.import('-', { format: 'events' }, { stdin });
    await until(async () => (await count('import_runs')) === 1);
    const path = folder.file(
      'other.csv',
      eventLines(1, () => 'x,view,2024-01-01,u1,p1,,'),
    );
    await expect(folder.import(path)).rejects.toMatchObject({ code: 'IMPORT_BUSY', exitCode: 1 });
    expect((await folder.import(path, { source: 'elsewhere' })).counts.accepted).toBe(1);
    stdin.end();
    expect((await first).counts.accepted).toBe(4_000);
    expect((await folder.import(path)).counts.accepted).toBe(1);
  });
});

describe('a file that repeats its own ids', () => {
  it('counts each once, also where batches of both connections hold the same ids in opposite order', async () => {
    const half = 60_000;
    const path = folder.file(
      'twice.csv',
      eventLines(2 * half, (i) => `e${i < half ? i : 2 * half - 1 - i},view,2024-01-01,u1,p1,,`),
    );
    const expected = { read: 2 * half, accepted: half, duplicates: half, rejected: 0 };
    expect((await folder.import(path, { dryRun: true })).counts).toEqual(expected);
    expect((await folder.import(path)).counts).toEqual(expected);
    expect(await count()).toBe(half);
  });
});

describe('event ids', () => {
  it("follow the file's order over all batches, also while others take ids from the same sequence", async () => {
    const importing = folder.import(folder.file('many.csv', many())).then(() => true);
    const taken: number[] = [];
    while (!(await Promise.race([importing, Promise.resolve(false)]))) {
      const { rows: others } = await database.adminPool.query(
        "SELECT nextval('app_schema.events_event_id_seq') AS id",
      );
      taken.push(others[0].id);
    }
    const [row] = await folder.rows(
      `SELECT count(*) AS events, count(*) FILTER (WHERE step <> 1) AS disorder, count(*) FILTER (WHERE event_id = ANY ($1)) AS doubles,
         max(event_id) - min(event_id) + 1 > count(*) AS scattered
       FROM (
         SELECT event_id, substr(external_id, 2)::int - lag(substr(external_id, 2)::int) OVER (ORDER BY event_id) AS step
         FROM app_schema.events
       ) t`,
      [taken],
    );
    expect(row).toEqual({ events: rows, disorder: 0, doubles: 0, scattered: true });
  });
});

describe('memory', () => {
  it('holds no more for a file three times as long', async () => {
    const peak = async (times: number): Promise<number> => {
      const path = folder.file(
        'long.csv',
        eventLines(times * rows, (i) => `m${i},view,2024-01-01,u${i},p${i % 300},,`),
      );
      const script = `
        import { importFiles } from '${new URL('../dist/ingestion/import.js', import.meta.url).href}';
        import { createPool } from '${new URL('../dist/database/pool.js', import.meta.url).href}';
        const pool = createPool(process.argv[1], { applicationName: 'import-child' });
        await importFiles([process.argv[2]], { dryRun: true }, { pool, stdin: process.stdin });
        await pool.end();
        process.stdout.write(String(process.resourceUsage().maxRSS));`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', script, database.urls.app, path]);
      let output = '';
      child.stdout.on('data', (chunk) => {
        output += chunk;
      });
      await once(child, 'close');
      return Number(output) / 1024;
    };
    const [short, long] = [await peak(1), await peak(3)];
    expect(short).toBeGreaterThan(20);
    // The counter of repeats doubles its tables up to its limit; strings of 300,000 more rows would add over 60 MB.
    expect(long - short).toBeLessThan(50);
  });
});

describe('a wrong file', () => {
  const nothingWritten = async (): Promise<void> => {
    expect(await count('import_runs')).toBe(0);
    expect(await count('sources')).toBe(0);
  };

  it.each([
    ['missing', () => `${folder.path}/missing.csv`, 'IMPORT_FILE'],
    ['a folder', () => folder.path, 'IMPORT_FILE'],
    ['empty', () => folder.file('empty.csv', ''), 'IMPORT_FILE'],
    ['blank', () => folder.file('blank.csv', '\n\n'), 'IMPORT_FILE'],
    ['binary', () => folder.file('binary.csv', randomBytes(100_000)), 'IMPORT_ENCODING'],
    ['packed binary', () => folder.file('binary.gz', gzipSync(randomBytes(100_000))), 'IMPORT_ENCODING'],
    [
      'a workbook',
      () => folder.file('book.xlsx', Buffer.from('PK\u0003\u0004rest of it')),
      'IMPORT_ENCODING',
    ],
    [
      'UTF-16',
      () => folder.file('utf16.csv', Buffer.from('\ufeffevent_type,event_timestamp\n', 'utf16le')),
      'IMPORT_ENCODING',
    ],
    ['in no format', () => folder.file('other.csv', 'a,b,c\n1,2,3\n'), 'IMPORT_FORMAT'],
    [
      'damaged gzip',
      () => folder.file('damaged.gz', Buffer.concat([Buffer.from([0x1f, 0x8b]), randomBytes(500)])),
      'IMPORT_FILE',
    ],
  ])('(%s) is refused before anything is written', async (_name, path, code) => {
    await expect(folder.import(path())).rejects.toMatchObject({ code, exitCode: 2 });
    await nothingWritten();
  });

  it('(another format than asked for) is refused', async () => {
    const path = folder.file(
      'e.csv',
      eventLines(1, () => 'x,view,2024-01-01,u1,p1,,'),
    );
    await expect(folder.import(path, { format: 'cdnow' })).rejects.toMatchObject({
      code: 'IMPORT_HEADER',
      exitCode: 2,
    });
    await nothingWritten();
  });

  it('(the second of two) keeps the first from being imported', async () => {
    const good = folder.file(
      'e.csv',
      eventLines(1, () => 'x,view,2024-01-01,u1,p1,,'),
    );
    await expect(folder.import([good, `${folder.path}/missing.csv`])).rejects.toMatchObject({
      code: 'IMPORT_FILE',
    });
    await nothingWritten();
  });

  it('(a zone that does not exist) is refused', async () => {
    const path = folder.file(
      'e.csv',
      eventLines(1, () => 'x,view,2024-01-01,u1,p1,,'),
    );
    await expect(folder.import(path, { timeZone: 'Mars/Phobos' })).rejects.toMatchObject({
      code: 'USAGE',
      exitCode: 2,
    });
    await nothingWritten();
  });

  it('(with nothing but a header) is no error', async () => {
    expect(
      (
        await folder.import(
          folder.file(
            'h.csv',
            eventLines(0, () => ''),
          ),
        )
      ).counts.read,
    ).toBe(0);
  });
});

describe('a gzip file that ends in the middle', () => {
  it('is an error that says what was stored, and the whole file completes it', async () => {
    const whole = gzipSync(many());
    const path = folder.file('cut.csv.gz', whole.subarray(0, Math.floor(whole.length * 0.8)));
    await expect(folder.import(path)).rejects.toMatchObject({
      code: 'IMPORT_FILE',
      message: expect.stringMatching(/ends in the middle.*[1-9]\d* rows of it were stored/),
    });
    const stored = await count();
    expect(stored).toBeGreaterThan(0);
    expect((await folder.import(folder.file('whole.csv.gz', whole))).counts).toEqual({
      read: rows,
      accepted: rows - stored,
      duplicates: stored,
      rejected: 0,
    });
  });
});

describe('what only PostgreSQL can refuse', () => {
  it('costs the row, not the batch', async () => {
    await database.adminPool.query(
      "ALTER TABLE app_schema.events ADD CONSTRAINT no_u7 CHECK (properties ->> 'bad' IS NULL) NOT VALID",
    );
    try {
      const lines = Array.from(
        { length: 500 },
        (_, i) =>
          `{"event_id":${i},"event_type":"view","event_timestamp":"2024-01-01"${i % 100 === 7 ? ',"bad":1' : ''}}`,
      );
      const { counts, report } = await folder.import(folder.file('bad.ndjson', lines.join('\n')));
      expect(counts).toEqual({ read: 500, accepted: 495, duplicates: 0, rejected: 5 });
      expect(report.samples.map(({ line, reject }) => [line, reject.code])).toEqual(
        [7, 107, 207, 307, 407].map((i) => [i + 1, 'refused']),
      );
    } finally {
      await database.adminPool.query('ALTER TABLE app_schema.events DROP CONSTRAINT no_u7');
    }
  });
});
