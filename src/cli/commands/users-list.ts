import { type Command, Option } from 'commander';
import { type UserSort, userSorts } from '../../analytics/find-users.ts';
import type { UserRow } from '../../analytics/read.ts';
import { listUsers, type WrittenFilters } from '../../analytics/user-list.ts';
import type { Pool } from '../../database/pool.ts';
import {
  type JsonOption,
  type Language,
  languageOption,
  momentWithOffset,
  probability,
  signedDecimal,
  textOf,
  wholeNumber,
} from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { shellWord } from '../shell-word.ts';
import { type Column, money, percent, renderTable } from '../table.ts';
import { displayName, segmentName } from '../user-names.ts';

interface ListOptions extends JsonOption {
  language: Language;
  limit: number;
  sort: UserSort;
  order: 'asc' | 'desc';
  cursor?: string;
}

type FilterName = keyof WrittenFilters;

/** The filters of GET /api/users, `min_ltv` as `--min-ltv`. */
const filters: [FilterName, string, string, (text: string) => string | number][] = [
  ['search', '<text>', 'beginning of a name, or an id, of ours or of another system', textOf(200)],
  ['segment', '<code>', 'only this segment', textOf(100)],
  ['min_ltv', '<n>', 'lifetime value at least', signedDecimal(1e12)],
  ['max_ltv', '<n>', 'lifetime value at most', signedDecimal(1e12)],
  ['min_churn_probability', '<p>', 'from 0 to 1', probability],
  ['max_churn_probability', '<p>', 'from 0 to 1', probability],
  ['min_purchase_probability_30d', '<p>', 'from 0 to 1', probability],
  ['max_purchase_probability_30d', '<p>', 'from 0 to 1', probability],
  ['active_since', '<moment>', 'has an event then or later: 2026-01-31T09:30:00Z', momentWithOffset],
  ['inactive_since', '<moment>', 'has no event then or later', momentWithOffset],
  ['profile', '<json>', 'what profile_data contains: \'{"country":"DE"}\'', textOf(2_000)],
];

const filterOption = ([name, value, description, parse]: (typeof filters)[number]): Option =>
  new Option(`--${name.replaceAll('_', '-')} ${value}`, description).argParser(parse);

function userColumns(language: Language): Column<UserRow>[] {
  return [
    { heading: 'id', cell: (u) => u.user_id, align: 'right' },
    { heading: 'customer', cell: displayName },
    { heading: 'segment', cell: (u) => segmentName(u, language) },
    { heading: 'LTV', cell: (u) => money(u.ltv), align: 'right' },
    { heading: 'churn', cell: (u) => percent(u.churn_probability), align: 'right' },
    { heading: 'buys in 30 d', cell: (u) => percent(u.purchase_probability_30d), align: 'right' },
  ];
}

/** The command as it was given, but with the cursor of the next page. */
function nextCommand(command: Command, cursor: string): string {
  const given = command.options.filter(
    (option) => command.getOptionValueSource(option.attributeName()) === 'cli' && option.long !== '--cursor',
  );
  const words = given.flatMap((option) => [
    option.long as string,
    shellWord(String(command.getOptionValue(option.attributeName()))),
  ]);
  return ['customer-analyzer users list', ...words, '--cursor', cursor].join(' ');
}

async function list(cli: CliContext, pool: Pool, options: ListOptions, command: Command): Promise<void> {
  const { limit, sort, order, cursor } = options;
  const written = filters.map((filter) => [
    filter[0],
    command.getOptionValue(filterOption(filter).attributeName()),
  ]);
  const page = await listUsers(pool, { ...Object.fromEntries(written), limit, sort, order, cursor });
  if (options.json) return cli.output.json(page);
  cli.output.line(renderTable(page.items, userColumns(options.language)));
  if (page.next_cursor) cli.output.notice(`more: ${nextCommand(command, page.next_cursor)}`);
}

export function registerUserList(users: Command, cli: CliContext): void {
  const command = users
    .command('list')
    .description('A page of customers: searched, filtered, sorted; missing values come last')
    .option('--limit <n>', 'rows', wholeNumber(1, 100_000), 20)
    .addOption(new Option('--sort <column>').choices(userSorts).default('user_id'))
    .addOption(new Option('--order <direction>').choices(['asc', 'desc']).default('asc'))
    .option('--cursor <text>', 'where the page before ended, with the same filters and order');
  for (const filter of filters) command.addOption(filterOption(filter));
  command
    .addOption(languageOption())
    .option('--json', 'answer as JSON')
    .action((options: ListOptions) => cli.withDatabase((db) => list(cli, db.appPool, options, command)));
}
