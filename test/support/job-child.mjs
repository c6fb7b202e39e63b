// A command as a worker runs it, for tests of what the worker does with commands: what it does stands in its arguments.
import { setTimeout as sleep } from 'node:timers/promises';

const [what, value] = process.argv.slice(process.argv.indexOf('--as-job') + 1);
process.once('disconnect', () => process.exit(1));
process.channel?.unref();

if (what === 'answer') process.stdout.write(`${JSON.stringify({ value })}\n`);
if (what === 'fail') {
  process.send({ failure: { code: value, message: 'as it was told' } });
  process.exitCode = 1;
}
if (what === 'crash') process.exit(7);
if (what === 'sleep') {
  process.send({ progress: { label: 'sleeping', done: 1, total: 4 } });
  await sleep(Number(value));
  process.stdout.write('{"slept":true}\n');
}
