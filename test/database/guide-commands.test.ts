import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canBackUp } from '../support/backup.ts';
import { GUIDES, inlineCommands, shellCommands } from '../support/guide.ts';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const commands = shellCommands(GUIDES[0]);
const inline = inlineCommands(GUIDES[0]).filter((each) => each.startsWith('npx customer-analyzer '));

/** Who runs a line of the guide. What is in none of the first three has to work below as it stands. */
const elsewhere: [RegExp, string][] = [
  [/^\.\/scripts\/(backup|restore)-db\.sh/, 'guide-scripts.test.ts'],
  [/^(\.\/scripts\/pitr\.sh|pgbackrest|systemctl|apt-get) /, 'pitr.test.ts'],
  [/^docker compose /, 'Compose, as far as it goes without an engine: at the end of this file'],
];
const here = [...commands, ...inline].filter((line) => !elsewhere.some(([lines]) => lines.test(line)));
const byHand = here.find((line) => line.includes('database/init/')) as string;
const ofPasswords = here.find((line) => line.includes('\\password')) as string;
const ofMigrations = here.filter((line) => /db (status|migrate)$/.test(line)).slice(0, 2);

it('knows every command, and what it has to run', () => {
  expect(commands.length).toBeGreaterThan(40);
  expect([byHand, ofPasswords, ...ofMigrations].every(Boolean)).toBe(true);
  expect(here.length).toBeGreaterThan(18);
});

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'customer-analyzer-guide-'));
const project = join(folder, 'project');
let own: OwnServer;
let environment: NodeJS.ProcessEnv;

/** The address of the guide is that of its examples. */
const atOurPort = (line: string): string => line.replace('-p 5432', `-p ${new URL(own.url('x')).port}`);

function run(line: string): SpawnSyncReturns<string> {
  return spawnSync('bash', ['-euo', 'pipefail', '-c', atOurPort(line)], {
    cwd: project,
    env: environment,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** At a terminal, since psql asks for passwords nowhere else; what is typed before it asks would be thrown away. */
function runAtTerminal(line: string, question: RegExp, answer: string): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn('script', ['-qec', atOurPort(line), '/dev/null'], { cwd: project, env: environment });
    let unanswered = '';
    child.stdout.on('data', (chunk) => {
      unanswered += chunk;
      if (!question.test(unanswered)) return;
      unanswered = '';
      child.stdin.write(`${answer}\n`);
    });
    child.on('error', reject);
    child.on('exit', resolve);
  });
}

async function logIn(user: string, password: string): Promise<unknown> {
  const { port } = new URL(own.url('x'));
  const client = new pg.Client({
    host: '127.0.0.1',
    port: Number(port),
    user,
    password,
    database: 'customer_analyzer',
  });
  try {
    await client.connect();
    return (await client.query('SELECT current_user AS name')).rows[0].name;
  } finally {
    await client.end();
  }
}

function prepareProject(): void {
  mkdirSync(join(project, 'bin'), { recursive: true });
  for (const name of ['scripts', 'database']) symlinkSync(join(root, name), join(project, name));
  const npx = join(project, 'bin/npx');
  writeFileSync(npx, `#!/bin/sh\nshift\nexec '${process.execPath}' '${root}bin/customer-analyzer.js' "$@"\n`);
  chmodSync(npx, 0o755);
  writeFileSync(join(project, 'events.csv.rejects.csv'), 'line,code,reason,raw,file\n');
}

describe.skipIf(!canBackUp)('on a new server (needs psql, pg_dump)', () => {
  beforeAll(async () => {
    own = await startOwnServer({ settings: { fsync: 'on', full_page_writes: 'on' } });
    prepareProject();
    environment = {
      PATH: `${join(project, 'bin')}:${process.env['PATH']}`,
      HOME: folder,
      PGPORT: new URL(own.url('x')).port,
      PGPASSWORD: 'postgres',
      DATABASE_URL: own.url('customer_analyzer'),
      BACKUP_DIR: join(folder, 'backups'),
      APP_USER_PASSWORD: 'SECRET1',
      ML_USER_PASSWORD: 'SECRET2',
      ADMIN_USER_PASSWORD: 'SECRET3',
    };
    const client = new pg.Client(own.url('postgres'));
    await client.connect();
    await client.query('CREATE DATABASE customer_analyzer');
    await client.end();
  });
  afterAll(async () => {
    await own?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('psql sets it up by hand, with passwords of its own; the program takes over from there', async () => {
    const { status, stderr } = run(byHand);
    expect([status, stderr]).toEqual([0, '']);
    expect(await logIn('app_user', 'SECRET1')).toBe('app_user');
    for (const line of ofMigrations.toReversed()) expect(run(line).status, line).toBe(0);
    expect(run(ofMigrations[0] as string).stdout).not.toContain('pending');
  });

  it('psql changes a password at a terminal', async () => {
    expect(await runAtTerminal(ofPasswords, /: $/, 'SECRET4')).toBe(0);
    expect(await logIn('app_user', 'SECRET4')).toBe('app_user');
    environment['APP_USER_PASSWORD'] = 'SECRET4';
  });

  const others = [...new Set(here)].filter(
    (line) =>
      ![byHand, ofPasswords, ...ofMigrations].includes(line) && (hasOpenssl || !line.includes('secrets')),
  );
  /** What a line needs to be there; who was erased cannot be erased twice. */
  const before: [RegExp, string][] = [
    [/backup drill/, './scripts/backup-db.sh --quiet'],
    [
      /users export|--rejects/,
      `psql -h localhost -U postgres -qc "INSERT INTO app_schema.users (user_id, first_name) VALUES (42, 'Ann')" customer_analyzer`,
    ],
  ];
  it.each(others)('%s', (line) => {
    for (const [what, first] of before) if (what.test(line)) expect(run(first).status, first).toBe(0);
    const { status, stderr, stdout } = run(line);
    expect([status, line], `${stdout}\n${stderr}`).toEqual([0, line]);
  });

  it.skipIf(!hasOpenssl)(
    'every file that docker-compose.prod.yml names is there, in a closed folder (needs openssl)',
    () => {
      const named = readFileSync(`${root}docker-compose.prod.yml`, 'utf8').matchAll(
        /file: \.\/(secrets\/\S+)/g,
      );
      const files = [...named].map((match) => match[1] as string);
      expect(files.length).toBeGreaterThan(5);
      expect(run(`stat -c %a secrets ${files.join(' ')}`).stdout.split('\n')).toEqual([
        '700',
        ...files.map(() => '644'),
        '',
      ]);
    },
  );
});

/** Docker's own plug-in, or the older program that the user's document calls. */
const compose = [['docker', 'compose'], ['docker-compose']].find(
  ([program, ...args]) => spawnSync(program as string, [...args, 'version']).status === 0,
);
const ofDocker = [...new Set([...commands, ...inlineCommands(GUIDES[0])])].filter((line) =>
  line.startsWith('docker compose '),
);

/** `docker compose [-f FILE] [--profile NAME] ACTION [options] [services] …` */
function readCompose(line: string): { globals: string[]; action: string; rest: string[] } {
  const words = line.split(' ').slice(2);
  const globals: string[] = [];
  while (words[0]?.startsWith('-')) globals.push(...words.splice(0, 2));
  return { globals, action: words[0] as string, rest: words.slice(1) };
}

// An engine, and images from a registry, are what no test of ours can count on: nothing is started here.
describe.skipIf(!compose)('as far as Compose goes without an engine (needs docker compose)', () => {
  const [program, ...first] = compose as string[];
  /** By what stands before the action: it takes a second each time. */
  const services = new Map<string, string[]>();

  it.each(ofDocker)('it takes the files, and has profile and services: %s', (line) => {
    const { globals, action, rest } = readCompose(line);
    const key = globals.join(' ');
    if (!services.has(key)) {
      const args = [...first, ...globals, 'config', '--services'];
      const { status, stdout, stderr } = spawnSync(program as string, args, { cwd: root, encoding: 'utf8' });
      expect(status, stderr).toBe(0);
      services.set(key, stdout.trim().split('\n'));
    }
    const named = rest.filter((each) => /^[a-z][a-z-]*$/.test(each));
    const several = ['up', 'stop', 'build', 'restart'].includes(action);
    for (const service of several ? named : named.slice(0, 1)) expect(services.get(key)).toContain(service);
  });
});
