import type { Command } from 'commander';
import { type RemoveResult, removeDemo } from '../../demo/remove.ts';
import type { CliContext } from '../context.ts';

function renderResult(cli: CliContext, result: RemoveResult): void {
  const { line } = cli.output;
  if (result.events + result.users + result.products + result.usersKept + result.productsKept === 0) {
    line('there is no demonstration shop in this database');
    return;
  }
  line(`removed ${result.events} events, ${result.users} people, ${result.products} products`);
  if (result.usersKept + result.productsKept === 0) return;
  line(`kept ${result.usersKept} people and ${result.productsKept} products that other data refer to`);
}

export function registerDemo(program: Command, cli: CliContext): void {
  const demo = program.command('demo').description('The demonstration shop');
  demo
    .command('remove')
    .description(
      'Remove the demonstration shop: exactly what generate or the first start wrote, nothing else',
    )
    .option('--json', 'answer as JSON')
    .action(({ json }: { json?: boolean }) =>
      cli.withDatabase(async ({ appPool }) => {
        const result = await removeDemo(appPool);
        if (json) cli.output.json(result);
        else renderResult(cli, result);
      }),
    );
}
