import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BackupBench, canBackUp, NAME } from './support/backup.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const GUIDES = ['database/README.md', 'database/README.ru.md'];
const WHERE = '/path/to/customer-analyzer';

/** The code blocks of a guide in one language. */
function blocks(guide: string, language: string): string[] {
  const pattern = new RegExp(`^ *\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'gm');
  return [...readFileSync(root + guide, 'utf8').matchAll(pattern)].map((match) => match[1] as string);
}

const cronLines = (guide: string): string[] =>
  blocks(guide, 'cron').flatMap((block) => block.split('\n').filter((line) => /^[\d*]/.test(line)));

const bench = new BackupBench();
const project = join(bench.folder, 'a project');
beforeAll(async () => {
  if (!canBackUp) return;
  await bench.start();
  mkdirSync(project);
  cpSync(join(root, 'scripts'), join(project, 'scripts'), { recursive: true });
  // Who uses cron has the settings in this file.
  writeFileSync(join(project, '.env'), `DATABASE_URL=${bench.url()}\nBACKUP_DIR="${bench.backups}"\n`);
});
afterAll(async () => {
  if (canBackUp) await bench.stop();
});

/** As cron(8) of Debian runs a line: by /bin/sh, in the home, with these variables and nothing else. */
function asCron(line: string): { status: number | null; stdout: string; stderr: string } {
  const [, command] = /^(?:[\d*,/-]+ ){5}(.*)$/.exec(line) as RegExpExecArray;
  const env = { HOME: bench.folder, LOGNAME: 'dba', SHELL: '/bin/sh', PATH: '/usr/bin:/bin' };
  return spawnSync('/bin/sh', ['-c', (command as string).replace(WHERE, project.replace(' ', '\\ '))], {
    cwd: bench.folder,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

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
    const [backup, drill] = cronLines('database/README.md') as [string, string];
    const made = asCron(backup);
    expect(made.status, made.stderr).toBe(0);
    expect(made.stdout.trim().split('/').at(-1)).toMatch(NAME);
    const rehearsed = asCron(drill);
    expect(rehearsed.status, rehearsed.stderr).toBe(0);
    expect(rehearsed.stderr).toMatch(/the drill went well/);
  });
});

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
    writeFileSync(files[1] as string, (units[1] as string).replace('OnCalendar=', 'OnCalender='));
    expect(spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' }).stderr).not.toBe('');
  });
});
