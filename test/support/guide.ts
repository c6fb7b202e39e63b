import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The guide of the DBA, in both languages: what stands in one as code stands in the other. */
export const GUIDES = ['database/README.md', 'database/README.ru.md'] as const;
/** Where the guides say that the project lies. */
export const WHERE = '/path/to/customer-analyzer';

/** The code blocks of a guide in one language, without the indentation of a list that they stand in. */
export function blocks(guide: string, language: string): string[] {
  const pattern = new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\`$`, 'gm');
  return [...readFileSync(root + guide, 'utf8').matchAll(pattern)].map(([, indent, text]) =>
    (text as string).replace(new RegExp(`^${indent}`, 'gm'), ''),
  );
}

/** What one would type, in the order of the guide: without comments, a line that goes on as one, `export` with what it is for. */
export function shellCommands(guide: string): string[] {
  return blocks(guide, 'bash').flatMap((block) =>
    block
      .replace(/\\\n\s*/g, '')
      .replace(/\s+# .*$/gm, '')
      .replace(/^(export .*)\n/gm, '$1; ')
      .trim()
      .split('\n'),
  );
}

/** Commands that stand in a sentence. */
export function inlineCommands(guide: string): string[] {
  const text = readFileSync(root + guide, 'utf8').replace(/^ *```[\s\S]*?^ *```$/gm, '');
  return [...text.matchAll(/`((?:npx|\.\/scripts|docker compose|systemctl) ?[^`]*)`/g)].map(
    (match) => match[1] as string,
  );
}

/** Lines of a crontab, in the order of the guide. */
export function cronLines(guide: string): string[] {
  return blocks(guide, 'cron').flatMap((block) => block.split('\n').filter((line) => /^[\d*]/.test(line)));
}

/** A place for the project with a blank in its name, and the settings that somebody who uses cron has in .env. */
export function placeForCron(folder: string, settings: Record<string, string>): string {
  const project = join(folder, 'a project');
  mkdirSync(project);
  cpSync(join(root, 'scripts'), join(project, 'scripts'), { recursive: true });
  const lines = Object.entries(settings).map(([name, value]) => `${name}="${value}"\n`);
  writeFileSync(join(project, '.env'), lines.join(''));
  return project;
}

/** As cron(8) of Debian runs a line: by /bin/sh, in the home, with these variables and nothing else. */
export function asCron(line: string, project: string, home: string): SpawnSyncReturns<string> {
  const [, command] = /^(?:[\d*,/-]+ ){5}(.*)$/.exec(line) as RegExpExecArray;
  return spawnSync('/bin/sh', ['-c', (command as string).replace(WHERE, project.replace(' ', '\\ '))], {
    cwd: home,
    env: { HOME: home, LOGNAME: 'dba', SHELL: '/bin/sh', PATH: '/usr/bin:/bin' },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
