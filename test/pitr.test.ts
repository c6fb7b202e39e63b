import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BackupBench, canBackUp, type Run } from './support/backup.ts';
import { until } from './support/embedded-harness.ts';
import { asCron, cronLines, GUIDES, inlineCommands, placeForCron, shellCommands } from './support/guide.ts';
import { hasPgBackRest } from './support/programs.ts';

const bench = new BackupBench();
const canRecover = canBackUp && hasPgBackRest;
const repository = join(bench.folder, 'repository');
let data: string;
let before: unknown;
/** The moment to go back to: behind the first rows, before the damage. */
let moment: string;

const pitr = (...args: string[]): Promise<Run> =>
  bench.spawn('pitr.sh', args, { BACKUP_PITR_DIR: repository, PGCONNECT_TIMEOUT: '3' }).end;

const inGuide = [...shellCommands(GUIDES[0]), ...inlineCommands(GUIDES[0])].filter((line) =>
  /^(\.\/scripts\/pitr\.sh|pgbackrest|systemctl (re)?st(art|op)|apt-get) /.test(line),
);
const cronInGuide = cronLines(GUIDES[0]).filter((line) => line.includes('pitr.sh'));
const saidByGuide = new Set<string>();

/** A line that the guide has, with the moment of this test in place of its own. */
function guide(line: string, ...more: string[]): Promise<Run> {
  expect(inGuide).toContain(line);
  saidByGuide.add(line);
  const args = line.replace('./scripts/pitr.sh ', '').match(/'[^']*'|\S+/g) ?? [];
  return done(...args.map((arg) => (arg.startsWith("'") ? moment : arg)), ...more);
}

/** systemctl, of the server that the test runs. */
async function service(line: string): Promise<void> {
  expect(inGuide).toContain(line);
  saidByGuide.add(line);
  await (line.includes(' stop ') ? bench.own.halt() : bench.own.restart());
}

async function done(...args: string[]): Promise<Run> {
  const run = await pitr(...args);
  expect(run.code, run.stderr).toBe(0);
  return run;
}

async function refused(message: RegExp, hint: RegExp, ...args: string[]): Promise<Run> {
  const run = await pitr(...args);
  expect(run, run.stderr).toMatchObject({ code: 1, stdout: '' });
  expect(run.stderr).toMatch(message);
  expect(run.stderr).toMatch(hint);
  return run;
}

/** The server's own clock, with a pause on either side: transactions are dated by it. */
async function now(): Promise<string> {
  await sleep(50);
  const [row] = await bench.query(
    'SELECT to_char(clock_timestamp() AT TIME ZONE \'UTC\', \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\') AS now',
  );
  await sleep(50);
  return String(row?.['now']);
}

const beside = (): string[] =>
  readdirSync(dirname(data))
    .filter((name) => /\.(before|recovered)_/.test(name))
    .sort();

/** Starts the rebuilt server by the line that the script prints, and copies one table by the line of the guide. */
async function copyTableAsPrinted(rebuilt: Run): Promise<void> {
  const start = /^ {2}(\S+\/postgres -D .*)$/m.exec(rebuilt.stderr)?.[1] as string;
  const dump = /`(pg_dump -h \/tmp -p 5433 [^`]*)`/.exec(readFileSync(GUIDES[0], 'utf8'))?.[1] as string;
  const { uid } = statSync(data);
  const server = spawn('bash', ['-c', `exec ${start}`], { cwd: '/', uid, stdio: 'ignore' });
  const ended = once(server, 'exit');
  try {
    await until(() => existsSync('/tmp/.s.PGSQL.5433'));
    const copy = (): string =>
      execFileSync('bash', ['-c', dump], {
        env: { PATH: process.env['PATH'], PGPASSWORD: 'postgres' },
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    await until(() => {
      try {
        return copy().includes('PostgreSQL database dump complete');
      } catch {
        return false; // it still replays
      }
    });
    const rows = /^COPY app_schema\.events .*\n([\s\S]*?)^\\\.$/m.exec(copy())?.[1] as string;
    expect(rows.trimEnd().split('\n')).toHaveLength(2000);
  } finally {
    server.kill('SIGINT');
    await ended;
  }
}

/** The files of archived WAL, oldest first. */
function segments(): string[] {
  const folder = join(repository, 'archive/customer-analyzer');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /[0-9A-F]{24}-[0-9a-f]{40}/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

beforeAll(async () => {
  if (!canRecover) return;
  // pgBackRest and the server run as another user when root runs the tests.
  chmodSync(bench.folder, 0o755);
  await bench.start({ settings: { full_page_writes: 'on', log_line_prefix: '%m ' } });
  data = bench.own.server.dataDirectory;
});
afterAll(async () => {
  if (canRecover) await bench.stop();
});

const RECOVER = "./scripts/pitr.sh recover --to '2024-01-20 14:31:00+00'";

describe.skipIf(!canRecover)('point-in-time recovery (needs pgbackrest, psql)', () => {
  it('is set up in two steps with a restart between them, and a third changes nothing', async () => {
    await refused(/there is no .*pgbackrest\.conf/, /BACKUP_PITR_DIR/, 'info');
    expect((await guide('./scripts/pitr.sh setup')).stderr).toMatch(/restart it, then run this again/);
    await service('systemctl restart postgresql');
    expect((await guide('./scripts/pitr.sh setup')).stderr).toMatch(/full backup: /);
    expect((await done('setup')).stderr).toMatch(/there is a backup already/);
    expect((await guide('./scripts/pitr.sh check')).stderr).toMatch(/good: archiving works/);
  });

  it('brings everything back as it was at that moment, and nothing after it', async () => {
    await bench.query("INSERT INTO app_schema.users (first_name) VALUES ('after the backup')");
    await done('backup', 'incr');
    expect((await guide('./scripts/pitr.sh info')).stdout).toMatch(/full backup: [\s\S]*incr backup: /);
    await bench.query("INSERT INTO app_schema.users (first_name) VALUES ('in no backup')");
    before = await bench.contents();
    moment = await now();
    await bench.query(
      "DELETE FROM app_schema.events; INSERT INTO app_schema.users (first_name) VALUES ('too late')",
    );

    // Beside the server that runs: nothing of it changes.
    const damaged = await bench.contents();
    const rebuilt = await guide(RECOVER);
    expect(rebuilt.stdout).toBe(`${data}.recovered_${/recovered_(\w+)/.exec(rebuilt.stdout)?.[1]}\n`);
    expect(await bench.contents()).toEqual(damaged);
    await copyTableAsPrinted(rebuilt);
    rmSync(rebuilt.stdout.trimEnd(), { recursive: true });

    await refused(
      /PostgreSQL \(process \d+\) runs in/,
      /Stop it first/,
      'recover',
      '--to',
      moment,
      '--in-place',
      '--yes',
    );
    await service('systemctl stop postgresql');
    await refused(/nobody can be asked here/, /Say --yes/, 'recover', '--to', moment, '--in-place');
    const recovered = await guide(`${RECOVER} --in-place`, '--yes');
    expect(recovered.stdout).toBe(`${data}\n`);
    expect(recovered.stderr).toMatch(/reached: the last transaction is of \d{4}-/);
    await service('systemctl start postgresql');
    expect(await bench.contents()).toEqual(before);
    expect(beside()).toEqual([expect.stringMatching(/\.before_\d{8}_\d{6}$/)]);

    // It takes up writing and archiving, in a new history.
    await bench.query("INSERT INTO app_schema.users (first_name) VALUES ('in the new history')");
    expect((await done('check')).stderr).toMatch(/good/);
  });

  it('brings back all there is, the last second of a killed server included', async () => {
    await bench.query("INSERT INTO app_schema.users (first_name) VALUES ('the last one')");
    const all = await bench.contents();
    const late = await now();
    await bench.own.halt();
    const ends = /the archive ends before 2\d{3}-.*: its last transaction is of 2\d{3}-/;
    await refused(ends, /--to latest for all there is/, 'recover', '--to', late);
    const recovered = await guide('./scripts/pitr.sh recover --to latest --in-place', '--yes');
    expect(recovered.stderr).toMatch(/the server does not answer/);
    await bench.own.restart();
    expect(await bench.contents()).toEqual(all);
  });

  it('goes to a moment of a history that was left, where that is named', async () => {
    // The newest history no longer has the row of a moment ago; the first one still has all of `before` and the damage.
    const rebuilt = await done('recover', '--to', 'latest', '--timeline', '1');
    expect(rebuilt.stderr).toMatch(/reached: the last transaction is of/);
    rmSync(rebuilt.stdout.trimEnd(), { recursive: true });
  });

  it('is looked after by cron as the guide says', async () => {
    const settings = { DATABASE_URL: bench.url(), BACKUP_PITR_DIR: repository };
    const project = placeForCron(bench.folder, settings);
    expect(cronInGuide).toHaveLength(3);
    for (const line of cronInGuide) {
      const { status, stderr } = asCron(line, project, bench.folder);
      expect([line, status], stderr).toEqual([line, 0]);
      if (line.endsWith('--quiet')) expect(stderr).toBe('');
    }
    // By hand it is the same call.
    saidByGuide.add('./scripts/pitr.sh backup full');
  });

  it('a standby comes from the same repository', async () => {
    const line = inGuide.find((each) => each.startsWith('pgbackrest ')) as string;
    saidByGuide.add(line);
    const standby = `${data}.standby`;
    const owner = statSync(data);
    mkdirSync(standby);
    chownSync(standby, owner.uid, owner.gid);
    const ours = line
      .replace('/var/lib/pgbackrest', repository)
      .replace('restore', `--pg1-path='${standby}' restore`);
    execFileSync('bash', ['-c', ours], { cwd: '/', uid: owner.uid, gid: owner.gid, stdio: 'pipe' });
    expect(existsSync(join(standby, 'standby.signal'))).toBe(true);
    expect(readFileSync(join(standby, 'postgresql.auto.conf'), 'utf8')).toContain(
      "primary_conninfo = 'host=PRIMARY user=REPLICATION_USER'",
    );
    rmSync(standby, { recursive: true });
  });

  it('no other command stands in the guide, and its package is one', () => {
    const install = inGuide.find((line) => line.startsWith('apt-get ')) as string;
    expect(inGuide.filter((line) => line !== install && !saidByGuide.has(line))).toEqual([]);
    // Simulated: it is installed, else nothing of this would run.
    const { status } = spawnSync('bash', ['-c', install.replace('install', 'install --simulate')]);
    if (existsSync('/usr/bin/apt-get')) expect(status).toBe(0);
  });

  describe('says what is the matter, and changes nothing', () => {
    let contents: unknown;
    let left: string[];
    beforeAll(async () => {
      for (const name of ['one', 'two', 'three', 'four']) {
        await bench.query(`INSERT INTO app_schema.users (first_name) VALUES ('${name}')`);
        await bench.query('SELECT pg_switch_wal()');
      }
      await done('check');
      contents = await bench.contents();
      left = beside();
    });
    afterEach(async () => {
      expect(await bench.contents()).toEqual(contents);
      expect(beside()).toEqual(left);
      expect(readdirSync(bench.temporary)).toEqual([]);
    });

    /** The segment of WAL that has the row `two`: later ones are there. */
    const inTheMiddle = (): string => segments().at(-4) as string;

    it('a segment of WAL is missing', async () => {
      const segment = inTheMiddle();
      renameSync(segment, `${bench.folder}/away`);
      const name = /[0-9A-F]{24}/.exec(segment)?.[0] as string;
      const message = new RegExp(`WAL segment ${name} is missing or damaged, though later ones are there`);
      await refused(message, /Up to 2\d{3}-.* all is well: recover --to/, 'recover', '--to', 'latest');
      await refused(new RegExp(`WAL is missing in the archive from ${name} on`), /backup full/, 'check');
      renameSync(`${bench.folder}/away`, segment);
    });

    it('a segment of WAL is damaged', async () => {
      const segment = inTheMiddle();
      const whole = readFileSync(segment);
      const broken = Buffer.from(whole);
      broken.fill(0x58, whole.length >> 1, (whole.length >> 1) + 64);
      writeFileSync(segment, broken);
      const name = /[0-9A-F]{24}/.exec(segment)?.[0] as string;
      await refused(
        new RegExp(`WAL segment ${name} is missing or damaged`),
        /recover --to/,
        'recover',
        '--to',
        await now(),
      );
      writeFileSync(segment, whole);
    });

    it('the time is before the first backup, to come, or no time', async () => {
      const early = '2020-01-01T00:00:00Z';
      await refused(/there is no backup from before 2020/, /pitr\.sh info/, 'recover', '--to', early);
      for (const [time, message] of [
        ['yesterday', /should have a date, a time and a zone/],
        ['2024-01-20 14:30:00', /should have a date, a time and a zone/],
        ["2024-01-20 14:30:00+00'; DROP", /should have a date, a time and a zone/],
        ['2024-13-20 14:30:00+00', /there is no such time/],
        ['2999-01-01 00:00:00+03', /has not come yet/],
      ] as const) {
        const run = await pitr('recover', '--to', time);
        expect(run.code).toBe(2);
        expect(run.stderr).toMatch(message);
      }
      for (const args of [[], ['recover'], ['nonsense'], ['backup', 'half'], ['setup', 'full']])
        expect((await pitr(...args)).code, args.join(' ')).toBe(2);
    });

    it('the archive cannot be written', async () => {
      const folder = join(repository, 'archive/customer-analyzer');
      renameSync(folder, `${folder}.away`);
      writeFileSync(folder, '');
      await refused(
        /changes do not reach the archive/,
        /the server keeps its WAL, and its disk fills/,
        'check',
      );
      rmSync(folder);
      renameSync(`${folder}.away`, folder);
      await done('check');
    });
  });
});
