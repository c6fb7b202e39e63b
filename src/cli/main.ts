import { Command } from 'commander';
import { registerAdmins } from './commands/admins.ts';
import { registerBackup } from './commands/backup.ts';
import { registerDb } from './commands/db.ts';
import { registerDemo } from './commands/demo.ts';
import { registerEvaluate } from './commands/evaluate.ts';
import { registerGenerate } from './commands/generate.ts';
import { registerImport } from './commands/import.ts';
import { registerJobs } from './commands/jobs.ts';
import { registerKeys } from './commands/keys.ts';
import { registerModels } from './commands/models.ts';
import { registerRead } from './commands/read.ts';
import { registerRecommend } from './commands/recommend.ts';
import { registerRecommendations } from './commands/recommendations.ts';
import { registerRejects } from './commands/rejects.ts';
import { registerScore } from './commands/score.ts';
import { registerSegments } from './commands/segments.ts';
import { registerServe } from './commands/serve.ts';
import { registerStart } from './commands/start.ts';
import { registerTrain } from './commands/train.ts';
import { registerUsers } from './commands/users.ts';
import { createContext } from './context.ts';
import { failureOf, renderError } from './render-error.ts';
import { VERSION } from './version.ts';
import { asJobOption, openWorkerChannel } from './worker-channel.ts';

const channel = openWorkerChannel();

function createProgram(): Command {
  const cli = createContext(channel);
  const program = new Command('customer-analyzer')
    .description('Customer analytics and personalised recommendations on one PostgreSQL')
    .version(VERSION)
    .showHelpAfterError('(--help shows what can be given)')
    .addOption(asJobOption())
    .exitOverride();
  registerStart(program, cli);
  registerServe(program, cli);
  registerJobs(program, cli);
  registerImport(program, cli);
  registerRejects(program, cli);
  registerScore(program, cli);
  registerTrain(program, cli);
  registerModels(program, cli);
  registerEvaluate(program, cli);
  registerUsers(program, cli);
  registerRecommend(program, cli);
  registerRecommendations(program, cli);
  registerRead(program, cli);
  registerSegments(program, cli);
  registerKeys(program, cli);
  registerAdmins(program, cli);
  registerDb(program, cli);
  registerBackup(program, cli);
  registerGenerate(program, cli);
  registerDemo(program, cli);
  return program;
}

// `customer-analyzer users list | head` closes the pipe early: that is no failure, and what is open is still closed in order.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  process.stderr.write(`INTERNAL: the answer could not be written: ${error.message}\n`);
  process.exitCode = 1;
});

try {
  await createProgram().parseAsync();
} catch (error) {
  const { text, exitCode } = renderError(error);
  if (text) process.stderr.write(`${text}\n`);
  process.exitCode = exitCode;
  channel?.send({ failure: failureOf(error) });
}
