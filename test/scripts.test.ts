import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../', import.meta.url));
const read = (name: string): string => readFileSync(root + name, 'utf8');
const scripts = ['scripts/backup-db.sh', 'scripts/restore-db.sh', 'scripts/pitr.sh'];
const hasShellcheck = spawnSync('shellcheck', ['--version']).status === 0;

it.skipIf(!hasShellcheck)('shellcheck finds nothing in the scripts (needs shellcheck)', () => {
  const others = ['make-trial-certificate.sh', 'lib/postgres.sh', 'lib/archive.sh', 'lib/wal-archive.sh'].map(
    (name) => `scripts/${name}`,
  );
  const files = [...scripts, ...others, 'docker/postgres/start.sh', 'docker/pgadmin/start.sh'];
  const { stdout } = spawnSync('shellcheck', ['--external-sources', ...files], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(stdout).toBe('');
});

describe.each(scripts)('%s', (script) => {
  it('can be executed, and says by --help what it reads, writes and takes', () => {
    accessSync(root + script, constants.X_OK);
    const { status, stdout } = spawnSync(root + script, ['--help'], { encoding: 'utf8' });
    expect(status).toBe(0);
    const directory = script.includes('pitr') ? 'BACKUP_PITR_DIR' : 'BACKUP_DIR';
    for (const word of ['DATABASE_URL', 'PGHOST', directory, 'BACKUP_LOG', 'Exit code'])
      expect(stdout).toContain(word);
    const options = [...read(script).matchAll(/^ {4}(?:-h \| )?(--[a-z-]+)\)/gm)].map(
      (match) => match[1] as string,
    );
    expect(options.length).toBeGreaterThan(4);
    for (const option of options.filter((each) => each !== '--help'))
      expect(stdout, option).toContain(option);
  });
});

it.each(['database/README.md', 'database/README.ru.md'])(
  "%s has the commands of the user's document and every option and setting",
  (guide) => {
    const text = read(guide);
    expect(text).toContain('./scripts/backup-db.sh');
    expect(text).toContain('./scripts/restore-db.sh ./backups/customer_analyzer_20240120_143022.sql.gz\n');
    expect(text).toContain('\n0 2 * * * /path/to/customer-analyzer/scripts/backup-db.sh\n');
    const settings = scripts.flatMap((script) =>
      [...read(script).matchAll(/\bBACKUP_[A-Z_]+\b/g)].map((match) => match[0]),
    );
    for (const setting of settings) expect(text).toContain(`\`${setting}\``);
  },
);
