import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventLines, ImportFolder } from './import-support.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

const program = fileURLToPath(new URL('../bin/customer-analyzer.js', import.meta.url));

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

/** The program as a user runs it, in the test's folder. */
async function run(args: string[], input = ''): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [program, 'import', ...args], {
    cwd: folder.path,
    env: { ...process.env, DATABASE_URL: database.url },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => {
    output.stdout += text;
  });
  child.stderr.on('data', (text) => {
    output.stderr += text;
  });
  // A program that refuses a file early has closed its input: that is no fault of the test.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number];
  return { code, ...output };
}

const lines = eventLines(3, (i) => (i === 1 ? 'bad' : `e${i},view,2024-01-01,u${i},p1,,`));

describe('customer-analyzer import', () => {
  it('prints exactly the six counts as JSON', async () => {
    folder.file('events.csv', lines);
    const { code, stdout } = await run(['events.csv', '--json']);
    expect(code).toBe(0);
    const answer = JSON.parse(stdout);
    expect(Object.keys(answer)).toEqual([
      'read',
      'accepted',
      'duplicates',
      'rejected',
      'rejectsFile',
      'seconds',
    ]);
    expect(answer).toMatchObject({
      read: 3,
      accepted: 2,
      duplicates: 0,
      rejected: 1,
      rejectsFile: 'events.csv.rejects.csv',
    });
    expect(answer.seconds).toBeGreaterThan(0);
    expect(readFileSync(join(folder.path, answer.rejectsFile), 'utf8')).toContain('3,columns,');
  });

  it('tells a person the sum, the reasons and where the rejected rows are', async () => {
    const { stdout, code } = await run(['-', '--format', 'events', '--rejects', 'mine.csv'], lines);
    expect(code).toBe(0);
    expect(stdout).toContain('3 read = 2 accepted + 0 duplicates + 1 rejected');
    expect(stdout).toContain('standard input:3 columns: 1 fields where the header has 7');
    expect(stdout).toContain('rejected rows: mine.csv');
  });

  it('leaves no rejects file without rejects', async () => {
    folder.file(
      'good.csv',
      eventLines(1, () => 'e,view,2024-01-01,u,p,,'),
    );
    const { stdout } = await run(['good.csv', '--json']);
    expect(JSON.parse(stdout).rejectsFile).toBeNull();
    expect(existsSync(join(folder.path, 'good.csv.rejects.csv'))).toBe(false);
  });

  it.each([
    ['a file that is not there', ['missing.csv'], /^IMPORT_FILE: missing.csv does not exist/],
    ['an unknown format', ['events.csv', '--format', 'excel'], /Allowed choices are online-retail, cdnow/],
    ['no file', [], /missing required argument/],
    ['a zone that does not exist', ['events.csv', '--time-zone', 'Mars/Phobos'], /^USAGE: Mars\/Phobos/],
    ['a wrong header', ['events.csv', '--format', 'rees46'], /^IMPORT_HEADER: .*no column for product|price/],
    ['half a number', ['events.csv', '--max-rejects', '5x'], /whole number/],
  ])('ends with 2 and says why: %s', async (_name, args, message) => {
    folder.file('events.csv', lines);
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(await folder.rows('SELECT FROM app_schema.import_runs')).toEqual([]);
  });

  it('ends with 1 when too many rows are rejected', async () => {
    folder.file('events.csv', lines);
    const { code, stderr } = await run(['events.csv', '--max-rejects', '0']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^IMPORT_TOO_MANY_REJECTS: .*Nothing of it was stored/m);
  });
});
