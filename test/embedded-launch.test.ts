import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { afterAll, expect, it } from 'vitest';
import { packagedBinaries, prepareBinaries } from '../src/database/embedded/binaries.ts';
import { makeSocketDirectory, resolvePlace } from '../src/database/embedded/place.ts';
import { loopbackAddresses } from '../src/database/embedded/port.ts';
import { type Launch, launchPostmaster, stopPostmaster } from '../src/database/embedded/postmaster.ts';
import { findPostmaster } from '../src/database/embedded/postmaster-pid.ts';
import { isAlive } from '../src/database/embedded/process-identity.ts';
import { startEmbedded } from '../src/database/embedded/server.ts';
import { EmbeddedHarness, somePort, superuserPassword } from './support/embedded-harness.ts';

const harness = new EmbeddedHarness();
afterAll(() => harness.cleanUp());

async function prepare(port: number): Promise<Launch> {
  const home = harness.home();
  await (await startEmbedded({ home, port: somePort(), superuserPassword })).stop();
  const notice = () => undefined;
  const place = await resolvePlace(home, notice);
  return {
    binaries: await prepareBinaries(packagedBinaries(), place.binariesRoot, place.user, notice),
    place,
    port,
    addresses: await loopbackAddresses(),
    socketDirectory: makeSocketDirectory(place.base, place.user),
    notice,
  };
}

it('a port that is taken between the look and the bind is told as busy, though ::1 of it was free', async () => {
  const squatter = createServer();
  const port = await new Promise<number>((resolve) => {
    squatter.listen(0, '127.0.0.1', () => resolve((squatter.address() as { port: number }).port));
  });
  const launch = await prepare(port);
  await expect(launchPostmaster(launch)).rejects.toMatchObject({
    name: 'LaunchFailure',
    reason: 'port-busy',
  });
  expect(await findPostmaster(launch.place.dataDirectory)).toBeUndefined();
  squatter.close();
});

it('a server that does not answer is stopped more and more harshly, and each step is told', async () => {
  const launch = await prepare(somePort());
  const { identity } = await launchPostmaster(launch);
  process.kill(identity.pid, 'SIGSTOP');
  const notices: string[] = [];
  await stopPostmaster(identity, (text) => notices.push(text), 200);
  expect(isAlive(identity)).toBe(false);
  expect(notices).toEqual([expect.stringContaining('did not stop'), expect.stringContaining('is killed')]);

  // Nothing but recovery is left to do.
  const again = await launchPostmaster(launch);
  await stopPostmaster(again.identity, (text) => notices.push(text));
  expect(notices).toHaveLength(2);
});

it('the server has a session of its own, so that Ctrl-C in the terminal does not reach it', async () => {
  const launch = await prepare(somePort());
  const { identity } = await launchPostmaster(launch);
  const group = execFileSync('ps', ['-o', 'pgid=', '-p', String(identity.pid)], { encoding: 'utf8' });
  expect(Number(group)).toBe(identity.pid);
  await stopPostmaster(identity, () => undefined);
});
