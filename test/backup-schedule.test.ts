import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BackupBench, canBackUp, NAME } from './support/backup.ts';
import { runCli } from './support/cli.ts';
import { asCron, blocks, cronLines, GUIDES, inlineCommands, placeForCron, WHERE } from './support/guide.ts';

const bench = new BackupBench();
let project: string;
beforeAll(async () => {
  if (!canBackUp) return;
  await bench.start();
  project = placeForCron(bench.folder, { DATABASE_URL: bench.url(), BACKUP_DIR: bench.backups });
});
afterAll(async () => {
  if (canBackUp) await bench.stop();
});

it('the guides schedule the same in both languages', () => {
  const [english, russian] = GUIDES.map(cronLines);
  expect(english?.length).toBeGreaterThan(1);
  expect(russian).toEqual(english);
  const [units, unitsRu] = GUIDES.map((guide) =>
    blocks(guide, 'ini').filter((text) => text.includes('[Unit]')),
  );
  const values = (all: string[] | undefined): string[] =>
    (all ?? []).map((text) => text.replace(/^Description=.*$/gm, ''));
  expect(values(unitsRu)).toEqual(values(units));
});

describe.skipIf(!canBackUp)('the lines for cron (needs psql, pg_dump)', () => {
  it('back up at night, and rehearse a restore', () => {
    const [backup, drill] = cronLines(GUIDES[0]) as [string, string];
    const made = asCron(backup, project, bench.folder);
    expect(made.status, made.stderr).toBe(0);
    expect(made.stdout.trim().split('/').at(-1)).toMatch(NAME);
    const rehearsed = asCron(drill, project, bench.folder);
    expect(rehearsed.status, rehearsed.stderr).toBe(0);
    expect(rehearsed.stderr).toMatch(/the drill went well/);
  });
});

describe.skipIf(!canBackUp)('as jobs of a worker (needs psql, pg_dump)', () => {
  it('back up and rehearse a restore; the metrics say when', async () => {
    const env = { DATABASE_URL: bench.url(), BACKUP_DIR: join(bench.folder, 'by jobs') };
    const bin = fileURLToPath(new URL('../bin/customer-analyzer.js', import.meta.url));
    const worker = spawn(process.execPath, [bin, 'worker'], {
      env: { PATH: process.env['PATH'], HOME: bench.folder, ...env },
      stdio: 'ignore',
    });
    const ended = once(worker, 'exit');
    try {
      await bench.query('DELETE FROM maintenance.backup_runs');
      for (const job of ['backup', 'backup-drill']) {
        const { code, stderr } = await runCli(['jobs', 'run', job, '--wait'], env);
        expect([job, code], stderr).toEqual([job, 0]);
      }
    } finally {
      worker.kill('SIGTERM');
      await ended;
    }
    expect(bench.names(env.BACKUP_DIR).filter((name) => NAME.test(name))).toHaveLength(1);
    const [state] = await bench.query(
      'SELECT last_backup_at <= last_drill_at AS in_order, last_drill_succeeded FROM jobs.get_maintenance_state()',
    );
    expect(state).toEqual({ in_order: true, last_drill_succeeded: true });
  });
});

// Debian's crontab(1) checks a file without installing it; others may not know -n.
const good = join(bench.folder, 'crontab');
writeFileSync(good, '0 2 * * * true\n');
const hasCrontab = spawnSync('crontab', ['-n', good]).status === 0;
it.skipIf(!hasCrontab)('crontab takes the lines (needs crontab -n)', () => {
  const file = join(bench.folder, 'crontab');
  for (const guide of GUIDES) {
    writeFileSync(file, blocks(guide, 'cron').join(''));
    const { status, stderr } = spawnSync('crontab', ['-n', file], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
  }
  writeFileSync(file, cronLines(GUIDES[0]).join('\n').replace('0 2 *', '0 25 *'));
  expect(spawnSync('crontab', ['-n', file]).status).toBe(1);
});

/** What the guide has typed to switch the timer on; into a folder, since no systemd need run here. */
function enable(guide: string, files: string[]): string {
  const line = inlineCommands(guide).find((each) => each.startsWith('systemctl enable')) as string;
  const system = join(dirname(files[0] as string), 'etc/systemd/system');
  mkdirSync(system, { recursive: true });
  for (const file of files) copyFileSync(file, join(system, basename(file)));
  const [program, action, , unit] = line.split(' ') as [string, string, string, string];
  const root = `--root=${dirname(files[0] as string)}`;
  return spawnSync(program, [root, action, unit], { encoding: 'utf8' }).stderr;
}

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;
describe.skipIf(!hasSystemd)('the units for systemd (needs systemd-analyze)', () => {
  it.each(GUIDES)('of %s are good', (guide) => {
    const folder = join(bench.folder, guide.replaceAll('/', '-'));
    mkdirSync(folder);
    const units = blocks(guide, 'ini').filter((text) => text.includes('[Unit]'));
    expect(units).toHaveLength(2);
    const files = ['service', 'timer'].map((kind, n) => {
      const file = join(folder, `customer-analyzer-backup.${kind}`);
      // The path of this clone may have what a unit would have to quote: a program that is surely there stands for it.
      writeFileSync(file, (units[n] as string).replace(`${WHERE}/scripts/backup-db.sh`, '/bin/sh'));
      return file;
    });
    // It exits 0 on unknown settings, and says so.
    expect(execFileSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8', stdio: 'pipe' })).toBe(
      '',
    );
    expect(spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' }).stderr).toBe('');
    expect(enable(guide, files)).toMatch(/Created symlink .*timers\.target\.wants/);
    writeFileSync(files[1] as string, (units[1] as string).replace('OnCalendar=', 'OnCalender='));
    expect(spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' }).stderr).not.toBe('');
  });
});
