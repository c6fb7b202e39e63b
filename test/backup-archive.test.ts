import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../src/models/random.ts';
import { BackupBench, canBackUp, rewrite, sign } from './support/backup.ts';

const bench = new BackupBench();
let archive: string;
let copies: string;

/** A few statements of each kind, so that a cut behind every one of them can be tried. */
const SMALL = `
  CREATE SCHEMA s;
  CREATE TABLE s.parents (id serial PRIMARY KEY, name text);
  CREATE TABLE s.children (id bigserial PRIMARY KEY, parent_id integer REFERENCES s.parents);
  CREATE FUNCTION s.twice(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 2; SELECT 2 * a;';
  CREATE VIEW s.names AS SELECT name FROM s.parents;
  GRANT SELECT ON s.names TO ml_user;
  INSERT INTO s.parents (name) SELECT E'a;\\n' || n FROM generate_series(1, 30) AS n;
  INSERT INTO s.children (parent_id) SELECT id FROM s.parents;
  SELECT lo_from_bytea(0, 'large');`;

beforeAll(async () => {
  if (!canBackUp) return;
  await bench.start();
  await bench.query('CREATE DATABASE small', 'postgres');
  await bench.query(SMALL, 'small');
  archive = await bench.archive({ DATABASE_URL: bench.url('small') });
  copies = join(bench.folder, 'copies');
});
afterAll(async () => {
  if (canBackUp) await bench.stop();
});

/** A copy of the archive with its companions, changed. */
function copy(name: string, change: (file: string) => void): string {
  mkdirSync(copies, { recursive: true });
  const file = join(copies, `${name}.sql.gz`);
  for (const suffix of ['', '.manifest', '.sha256']) copyFileSync(archive + suffix, file + suffix);
  // The names in .sha256 are those of the files beside it.
  sign(file);
  change(file);
  return file;
}

/** Verifies all in one call. @returns those that it calls good, and what it says of the others */
async function verify(files: string[], ...options: string[]): Promise<{ good: string[]; stderr: string }> {
  const run = await bench.backUp({}, ['--verify', ...options, ...files]);
  const good = files.filter(
    (file) => run.stderr.includes(`good: ${file}\n`) && !run.stderr.includes(`not good: ${file}:`),
  );
  expect(run.code, run.stderr).toBe(good.length === files.length ? 0 : 1);
  return { good, stderr: run.stderr };
}

describe.skipIf(!canBackUp)('an archive (needs psql, pg_dump)', () => {
  it('that is whole is good, also as a link and without its companions, if one says so', async () => {
    const link = join(bench.folder, 'link.sql.gz');
    symlinkSync(archive, link);
    expect((await verify([archive, link])).good).toEqual([archive, link]);
    const alone = copy('alone', (file) => {
      for (const suffix of ['.manifest', '.sha256']) rmSync(file + suffix);
    });
    expect((await verify([alone], '--no-manifest')).good).toEqual([alone]);
  });

  it('that is cut at 20 random places is not, whatever is asked', async () => {
    const whole = readFileSync(archive);
    const random = Random.fromSeed(20);
    const files = Array.from({ length: 20 }, (_, n) =>
      copy(`cut-${n}`, (file) =>
        writeFileSync(file, whole.subarray(0, Math.floor(random.uniform() * whole.length))),
      ),
    );
    expect((await verify(files)).good).toEqual([]);
    const { good, stderr } = await verify(files, '--no-manifest');
    expect(good).toEqual([]);
    expect(stderr.match(/gzip finds it damaged or cut off/g)).toHaveLength(20);
  });

  it('that is cut behind any statement and packed again is not, though gzip and checksum are right', async () => {
    const sql = gunzipSync(readFileSync(archive)).toString();
    const cuts = [...sql.matchAll(/;\n|\\\.\n/g)].map((match) => match.index + match[0].length);
    expect(cuts.length).toBeGreaterThan(50);
    const files = cuts.map((cut, n) =>
      copy(`boundary-${n}`, (file) => {
        writeFileSync(file, gzipSync(sql.slice(0, cut), { level: 1 }));
        sign(file);
      }),
    );
    const { good, stderr } = await verify(files, '--no-manifest');
    expect(good).toEqual([]);
    expect(stderr.match(/closing line: a part is missing/g)).toHaveLength(cuts.length);
    expect((await verify(files.slice(0, 5))).good).toEqual([]);
  });

  it('with one flipped bit is not, nor with one in its manifest', async () => {
    const flip = (file: string, share: number): void => {
      const bytes = readFileSync(file);
      const at = Math.floor(share * (bytes.length - 1));
      bytes[at] = (bytes[at] as number) ^ 1;
      writeFileSync(file, bytes);
    };
    const shares = [0.1, 0.5, 0.9, 1];
    const data = shares.map((share, n) => copy(`flip-${n}`, (file) => flip(file, share)));
    const manifests = shares.map((share, n) =>
      copy(`flip-manifest-${n}`, (file) => flip(`${file}.manifest`, share)),
    );
    const { good, stderr } = await verify([...data, ...manifests]);
    expect(good).toEqual([]);
    expect(stderr.match(/the checksum of .* is not the one in/g)).toHaveLength(8);
    expect((await verify(data, '--no-manifest')).good).toEqual([]);
  });

  it.each(['.sha256', '.manifest'])('without its %s is not', async (suffix) => {
    const file = copy(`without${suffix}`, (each) => rmSync(each + suffix));
    const { good, stderr } = await verify([file]);
    expect(good).toEqual([]);
    expect(stderr).toMatch(/its (checksum|manifest) is missing/);
  });

  it('of other contents than its manifest is not: a row less, a row more, a table less', async () => {
    const changes: Record<string, (sql: string) => string> = {
      less: (sql) => sql.replace(/^7\t7\n/m, ''),
      more: (sql) => sql.replace(/^7\t7\n/m, '7\t7\n31\t7\n'),
      table: (sql) => sql.replace(/^COPY "s"\."children"[\s\S]*?\n\\\.\n/m, ''),
    };
    for (const [name, change] of Object.entries(changes)) {
      const file = copy(name, (each) => rewrite(each, change));
      const { good, stderr } = await verify([file]);
      expect(good, name).toEqual([]);
      expect(stderr).toMatch(/its rows are not those of its manifest .*"s"\."children"/);
    }
  });

  it('that is what a failed pg_dump | gzip leaves is not: nothing, packed', async () => {
    const empty = copy('empty', (file) => writeFileSync(file, gzipSync('')));
    const nothing = copy('nothing', (file) => writeFileSync(file, ''));
    for (const options of [[], ['--no-manifest']])
      expect((await verify([empty, nothing], ...options)).good).toEqual([]);
    expect((await verify([join(copies, 'not-there.sql.gz'), copies])).good).toEqual([]);
  });

  it('that is damaged is not restored: the database is as it was', async () => {
    const before = await bench.contents();
    cpSync(archive, join(copies, 'bare.sql.gz'));
    for (const [name, message] of Object.entries({
      'cut-3': /is not good: the checksum of/,
      'flip-manifest-1': /is not good: the checksum of/,
      'without.sha256': /is not good: its checksum is missing/,
      less: /is not good: its rows are not those of its manifest/,
      empty: /is not good/,
      bare: /is not good: its checksum is missing/,
    })) {
      const run = await bench.restore(['--replace', '--yes', join(copies, `${name}.sql.gz`)]);
      expect(run, name).toMatchObject({ code: 1, stdout: '' });
      expect(run.stderr).toMatch(message);
      expect(run.stderr).toMatch(/Take another backup/);
    }
    expect(await bench.contents()).toEqual(before);
    expect((await bench.leftovers()).filter((name) => name !== 'small')).toEqual([]);
  });
});
