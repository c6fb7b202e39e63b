import type pg from 'pg';
import { databaseError } from '../../database/database-error.ts';
import { readCheckFiles, type SqlFile } from '../../database/sql-files.ts';
import { isKnownPassword } from './known-passwords.ts';
import { IS_SUPERUSER, PREPARE_SESSION } from './queries.ts';

const SEVERITIES = ['severe', 'warning', 'notice'] as const;
type Severity = (typeof SEVERITIES)[number];

export interface Rule {
  /** The name of its file in database/checks, for ever. */
  readonly code: string;
  readonly severity: Severity;
  readonly problem: string;
  readonly fix: string;
  readonly needsSuperuser: boolean;
  readonly sql: string;
}

export interface Finding {
  code: string;
  severity: Severity;
  object: string;
  detail: string;
  problem: string;
  fix: string;
}

export interface CheckReport {
  findings: Finding[];
  /** Codes of rules that only a superuser can apply. */
  skipped: string[];
  checked: number;
}

interface Offender {
  object: string;
  detail: string | null;
  severity?: Severity | null;
  stored_password?: string;
}

function parseRule({ name, sql }: SqlFile): Rule {
  const field = (key: string): string => new RegExp(`^-- ${key}: (.+)$`, 'm').exec(sql)?.[1] ?? '';
  const severity = SEVERITIES.find((each) => each === field('severity'));
  if (severity === undefined) throw new Error(`${name}: the heading names no severity`);
  return {
    code: name.replace(/\.sql$/, ''),
    severity,
    problem: field('problem'),
    fix: field('fix'),
    needsSuperuser: field('needs') === 'superuser',
    sql,
  };
}

export function readRules(): Rule[] {
  return readCheckFiles().map(parseRule);
}

async function offendersOf(client: pg.ClientBase, rule: Rule): Promise<Offender[]> {
  const { rows } = await client.query<Offender>(rule.sql);
  return rows.filter(
    ({ object, stored_password: stored }) => stored === undefined || isKnownPassword(stored, object),
  );
}

/**
 * Applies every rule of database/checks to the database of the connection, which reads only.
 * @param applicationRoles the logins of APP_DATABASE_URL and ML_DATABASE_URL
 * @returns findings, the severest first
 */
export async function checkDatabase(
  client: pg.ClientBase,
  applicationRoles: readonly string[],
  rules: readonly Rule[] = readRules(),
): Promise<CheckReport> {
  const report: CheckReport = { findings: [], skipped: [], checked: 0 };
  try {
    await client.query(PREPARE_SESSION, [applicationRoles.join(',')]);
    const isSuperuser = (await client.query(IS_SUPERUSER)).rows[0].superuser as boolean;
    for (const rule of rules) {
      if (rule.needsSuperuser && !isSuperuser) {
        report.skipped.push(rule.code);
        continue;
      }
      report.checked++;
      for (const { object, detail, severity } of await offendersOf(client, rule)) {
        const { code, problem, fix } = rule;
        report.findings.push({
          code,
          severity: severity ?? rule.severity,
          object,
          detail: detail ?? '',
          problem,
          fix,
        });
      }
    }
  } catch (error) {
    throw databaseError(error);
  }
  report.findings.sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
  return report;
}
