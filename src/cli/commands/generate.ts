import type { Command } from 'commander';
import { type LoadResult, loadDemoShop } from '../../demo/load.ts';
import { dayBefore, defaultBehaviour, defaultSize } from '../../demo/parameters.ts';
import { openDemoShop } from '../../demo/simulate.ts';
import { calendarDay, wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';

interface GenerateOptions {
  customers: number;
  products: number;
  days: number;
  seed: number;
  end?: string;
  force?: boolean;
  json?: boolean;
}

/** Host and database without login: this is printed. */
function placeOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

function renderResult(cli: CliContext, result: LoadResult): void {
  const { line } = cli.output;
  const { orders, spend } = defaultBehaviour;
  line(`shop ${result.shopId}: ${result.users} people, ${result.products} products`);
  line(`events: ${result.read} read = ${result.accepted} accepted + ${result.duplicates} duplicates`);
  line(
    `true parameters: BG/NBD (weeks) r ${orders.r}, alpha ${orders.alpha}, a ${orders.a}, b ${orders.b};` +
      ` Gamma-Gamma p ${spend.p}, q ${spend.q}, gamma ${spend.gamma}`,
  );
  if (result.otherShops.length === 0) return;
  cli.output.notice(
    `This database already held another demonstration shop (${result.otherShops.join(', ')}); the two stand side by side.` +
      ' `customer-analyzer demo remove` removes both.',
  );
}

async function generate(cli: CliContext, options: GenerateOptions): Promise<void> {
  const { customers, products, days, seed, force = false } = options;
  // Checks and draws the catalogue before a database is opened: bad options are refused first.
  const shop = openDemoShop({
    customers,
    products,
    days,
    seed,
    lastDay: options.end ?? dayBefore(new Date()),
  });
  await cli.withDatabase(async ({ appPool, urls }) => {
    cli.output.notice(`writing to ${placeOf(urls.app)}`);
    const started = performance.now();
    const progress = cli.output.progress('making a demonstration shop');
    const result = await loadDemoShop(shop, { appPool, onProgress: progress.update }, { force });
    const seconds = (performance.now() - started) / 1000;
    progress.done(`${result.accepted} events in ${seconds.toFixed(1)} s`);
    if (options.json)
      cli.output.json({ ...result, lastDay: shop.options.lastDay, truth: shop.behaviour, seconds });
    else renderResult(cli, result);
  });
}

export function registerGenerate(program: Command, cli: CliContext): void {
  program
    .command('generate')
    .description('Make a demonstration shop: invented customers with known purchase rates, losses and tastes')
    .option('--customers <n>', 'people who buy', wholeNumber(1, 10_000_000), defaultSize.customers)
    .option('--products <n>', 'products', wholeNumber(1, 100_000), defaultSize.products)
    .option('--days <n>', 'length of the history', wholeNumber(1, 36_500), defaultSize.days)
    .option(
      '--seed <n>',
      'the same seed makes the same shop',
      wholeNumber(0, Number.MAX_SAFE_INTEGER),
      defaultSize.seed,
    )
    .option('--end <date>', 'last day, included, as YYYY-MM-DD; default: yesterday', calendarDay)
    .option('--force', 'also into a database that holds events of other sources')
    .option('--json', 'answer as JSON')
    .action((options: GenerateOptions) => generate(cli, options));
}
