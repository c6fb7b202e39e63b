import type { Command } from 'commander';
import { createLogger } from '../../logger.ts';
import { wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { serveApi, untilSignal, work } from '../serving.ts';

/** What `start` does in one process, in two: each can be started, stopped and multiplied by itself. */
export function registerServe(program: Command, cli: CliContext): void {
  program
    .command('serve')
    .description('Serve the HTTP API only, on a database that is set up')
    .option('--port <n>', 'port of the HTTP API', wholeNumber(0, 65_535))
    .action(({ port }: { port?: number }) =>
      cli.withDatabase(async (database) => {
        const address = await serveApi(cli, database, createLogger(cli.config.logLevel), port);
        cli.output.line(`Customer Analyzer serves at ${address}  (API: ${address}/docs)`);
        return untilSignal();
      }),
    );
  program
    .command('worker')
    .description('Work on jobs only: scheduled ones, and those that somebody asks for')
    .action(() =>
      cli.withDatabase(async (database) => {
        work(cli, database, createLogger(cli.config.logLevel));
        cli.output.line('Customer Analyzer works on jobs. customer-analyzer jobs list shows them.');
        return untilSignal();
      }),
    );
}
