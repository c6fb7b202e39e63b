import type { Command } from 'commander';
import { checkDatabase, type Finding } from '../../operations/security/check.ts';
import type { JsonOption } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { wrapped } from '../monitoring-tables.ts';
import { withAdmin } from './db-monitoring.ts';

/** Findings of one rule together: the problem, what offends, the cure. */
function renderFindings(findings: readonly Finding[], width: number): string {
  const groups = new Map<string, Finding[]>();
  for (const each of findings) {
    const key = `${each.severity} ${each.code}`;
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [...groups.values()]
    .map((group) => {
      const { severity, code, problem, fix } = group[0] as Finding;
      return [
        `${severity.padEnd(9)}${code}`,
        wrapped(problem, 9, width),
        ...group.map(({ object, detail }) =>
          wrapped(`· ${detail ? `${object}: ${detail}` : object}`, 9, width),
        ),
        wrapped(`→ ${fix}`, 9, width),
      ].join('\n');
    })
    .join('\n\n');
}

function userOf(url: string | undefined, fallback: string): string {
  return url === undefined ? fallback : decodeURIComponent(new URL(url).username) || fallback;
}

async function check(cli: CliContext, json?: boolean): Promise<void> {
  const { appDatabaseUrl, mlDatabaseUrl } = cli.config;
  const roles = [userOf(appDatabaseUrl, 'app_user'), userOf(mlDatabaseUrl, 'ml_user')];
  const report = await withAdmin(cli, async (pool) => {
    const client = await pool.connect();
    try {
      return await checkDatabase(client, roles);
    } finally {
      client.release();
    }
  });
  const severe = report.findings.filter(({ severity }) => severity === 'severe').length;
  if (severe > 0) process.exitCode = 1;
  if (json) return cli.output.json(report);
  if (report.findings.length > 0) cli.output.line(`${renderFindings(report.findings, cli.output.width)}\n`);
  cli.output.line(`${report.checked} rules, ${report.findings.length} findings, ${severe} severe`);
  if (report.skipped.length > 0)
    cli.output.notice(`Only a superuser can check: ${report.skipped.join(', ')}`);
}

export function registerDbCheck(db: Command, cli: CliContext): void {
  db.command('check')
    .description(
      'Look for what is unsafe: rights, passwords, TLS, versions, indexes; exit code 1 where it is severe',
    )
    .option('--json', 'answer as JSON')
    .action(({ json }: JsonOption) => check(cli, json));
}
