import type { Command } from 'commander';
import * as read from '../../analytics/read.ts';
import type { Pool } from '../../database/pool.ts';
import { type JsonOption, type Language, languageOption, userId } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { renderExplanation } from '../explanation.ts';
import { day, money, percent, renderTable } from '../table.ts';
import { displayName, segmentName } from '../user-names.ts';
import { registerErasure } from './users-erasure.ts';
import { registerUserList } from './users-list.ts';

function score(value: string | null, status: string): string {
  return value ?? status.replace('_', ' ');
}

/** What the probability of a purchase rests on, strongest first. Two lines fit a card; `users explain` has all. */
function becauseOf(rows: read.ExplanationRow[]): [string, string][] {
  return rows
    .filter(({ score, kind }) => score === 'purchase' && kind !== 'summary')
    .slice(0, 2)
    .map(({ text }, i) => [i === 0 ? 'because' : '', text]);
}

function renderCard(
  card: read.UserCard,
  stats: read.UserStats,
  reasons: read.ExplanationRow[],
  currency: string,
  language: Language,
): string {
  const facts: [string, string | number | null][] = [
    ['customer', `${displayName(card)} (id ${card.user_id})`],
    ['segment', segmentName(card, language)],
    ['lifetime value', score(card.ltv === null ? null : `${money(card.ltv)} ${currency}`, card.ltv_status)],
    ['churn within horizon', score(percent(card.churn_probability), card.churn_status)],
    ['buys within 30 days', score(percent(card.purchase_probability_30d), card.purchase_status)],
    ...becauseOf(reasons),
    ['orders', stats.purchases],
    ['revenue so far', `${money(stats.revenue)} ${currency}`],
    ['events', `${stats.total_events} (${stats.views} views, ${stats.cart_additions} cart additions)`],
    ['last activity', day(stats.last_activity)],
    ['scored as of', card.as_of === null ? null : new Date(card.as_of).toISOString()],
  ];
  return renderTable(facts, [
    { heading: '', cell: ([name]) => name },
    { heading: '', cell: ([, value]) => value, maxLength: 120 },
  ])
    .split('\n')
    .slice(2)
    .join('\n');
}

interface LanguageOption extends JsonOption {
  language: Language;
}

async function showUser(cli: CliContext, pool: Pool, id: number, options: LanguageOption): Promise<void> {
  const card = await read.getUser(pool, id);
  const stats = await read.getUserStats(pool, id, new Date());
  if (options.json) return cli.output.json({ ...card, stats });
  const shop = await read.getShop(pool);
  const reasons = await read.explainUser(pool, id, options.language);
  cli.output.line(renderCard(card, stats, reasons, shop.currency, options.language));
}

async function explainUser(cli: CliContext, pool: Pool, id: number, options: LanguageOption): Promise<void> {
  const items = await read.explainUser(pool, id, options.language);
  if (options.json) cli.output.json({ items });
  else cli.output.line(renderExplanation(items));
}

export function registerUsers(program: Command, cli: CliContext): void {
  const users = program.command('users').description('Customers and their scores');
  registerErasure(users, cli);
  registerUserList(users, cli);
  users
    .command('show')
    .description('One customer: scores, activity')
    .argument('<id>', 'user_id', userId)
    .addOption(languageOption())
    .option('--json', 'answer as JSON')
    .action((id: number, options: LanguageOption) =>
      cli.withDatabase((db) => showUser(cli, db.appPool, id, options)),
    );
  users
    .command('explain')
    .description("Why one customer's scores are so, in sentences")
    .argument('<id>', 'user_id', userId)
    .addOption(languageOption())
    .option('--json', 'answer as JSON')
    .action((id: number, options: LanguageOption) =>
      cli.withDatabase((db) => explainUser(cli, db.appPool, id, options)),
    );
}
