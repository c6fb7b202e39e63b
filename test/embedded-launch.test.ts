import { createServer } from 'node:net';
import { afterAll, expect, it } from 'vitest';
import { packagedBinaries, prepareBinaries } from '../src/database/embedded/binaries.ts';
import { makeSocketDirectory, resolvePlace } from '../src/database/embedded/place.ts';
import { loopbackAddresses } from '../src/database/embedded/port.ts';
import { launchPostmaster } from '../src/database/embedded/postmaster.ts';
import { findPostmaster } from '../src/database/embedded/postmaster-pid.ts';
import { startEmbedded } from '../src/database/embedded/server.ts';
import { EmbeddedHarness, somePort, superuserPassword } from './support/embedded-harness.ts';

const harness = new EmbeddedHarness();
afterAll(() => harness.cleanUp());

it('a port that is taken between the look and the bind is told as busy, though ::1 of it was free', async () => {
  const home = harness.home();
  await (await startEmbedded({ home, port: somePort(), superuserPassword })).stop();
  const squatter = createServer();
  const port = await new Promise<number>((resolve) => {
    squatter.listen(0, '127.0.0.1', () => resolve((squatter.address() as { port: number }).port));
  });
  const notice = () => undefined;
  const place = await resolvePlace(home, notice);
  const launch = launchPostmaster({
    binaries: await prepareBinaries(packagedBinaries(), place.binariesRoot, place.user, notice),
    place,
    port,
    addresses: await loopbackAddresses(),
    socketDirectory: makeSocketDirectory(place.base, place.user),
    notice,
  });
  await expect(launch).rejects.toMatchObject({ name: 'LaunchFailure', reason: 'port-busy' });
  expect(await findPostmaster(place.dataDirectory)).toBeUndefined();
  squatter.close();
});
