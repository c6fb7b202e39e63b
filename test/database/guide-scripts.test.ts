import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BackupBench, canBackUp } from '../support/backup.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Every call of the two scripts in a guide, as it stands there: in blocks, in sentences and for cron. */
function calls(guide: string): string[] {
  const text = readFileSync(root + guide, 'utf8');
  const found = text.matchAll(
    /(?:\.|\/path\/to\/customer-analyzer)\/scripts\/((?:backup|restore)-db\.sh(?: [^`#\n]*)?)/g,
  );
  return [...new Set([...found].map((match) => (match[1] as string).trim()))];
}

const guides = ['database/README.md', 'database/README.ru.md'] as const;

it('both guides call the scripts alike, and in every way that is run below', () => {
  expect(calls(guides[1])).toEqual(calls(guides[0]));
  expect(calls(guides[0]).sort()).toEqual([
    'backup-db.sh',
    'backup-db.sh --format directory --jobs 2',
    'backup-db.sh --list',
    'backup-db.sh --verify FILE',
    'restore-db.sh --drill',
    'restore-db.sh --drop-old',
    'restore-db.sh ./backups/customer_analyzer_20240120_143022.sql.gz',
    'restore-db.sh FILE',
  ]);
});

describe.skipIf(!canBackUp)('against a server (needs pg_dump and psql)', () => {
  const bench = new BackupBench();
  beforeAll(() => bench.start());
  afterAll(() => bench.stop());

  it('do what the guide says of them, one after another', async () => {
    const run = async (call: string, file: string, ...more: string[]) => {
      const [script, ...args] = call.split(' ') as [string, ...string[]];
      const given = args.map((arg) =>
        arg.replace('FILE', file).replace(/customer_analyzer_\d{8}_\d{6}\.sql\.gz/, basename(file)),
      );
      return bench.spawn(script, [...given, ...more]).end;
    };
    const before = await bench.contents();
    const archive = await bench.archive();
    const directory = await run('backup-db.sh --format directory --jobs 2', archive);
    expect(directory.stdout.trim(), directory.stderr).toMatch(/\.dir$/);
    for (const call of ['backup-db.sh --list', 'backup-db.sh --verify FILE', 'restore-db.sh --drill']) {
      const { code, stdout, stderr } = await run(call, archive);
      expect([code, call], stderr).toEqual([0, call]);
      if (call.endsWith('--list')) expect(stdout).toContain(basename(archive));
    }
    await bench.query('DELETE FROM app_schema.events');
    for (const call of [
      'restore-db.sh FILE',
      'restore-db.sh ./backups/customer_analyzer_20240120_143022.sql.gz',
    ]) {
      const refused = await run(call, archive, '--yes');
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toContain('--replace');
      const restored = await run(call, archive, '--replace', '--yes');
      expect([restored.code, call], restored.stderr).toEqual([0, call]);
      expect(await bench.contents()).toEqual(before);
    }
    const dropped = await run('restore-db.sh --drop-old', archive, '--yes');
    expect(dropped.code, dropped.stderr).toBe(0);
    expect(await bench.query("SELECT FROM pg_database WHERE datname LIKE '%_before_%'", 'postgres')).toEqual(
      [],
    );
  });
});
