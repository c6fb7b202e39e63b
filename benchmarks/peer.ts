import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * The peers are Python: their scripts stand in peers/, their libraries in a virtual environment in the user's cache folder, made on
 * first use from requirements.txt and known by its hash.
 */

const folder = fileURLToPath(new URL('peers/', import.meta.url));
const requirements = join(folder, 'requirements.txt');

export class Peers {
  readonly #python: string;

  private constructor(python: string) {
    this.#python = python;
  }

  /** `undefined` where Python or its packages are not to be had; says so. */
  static prepare(): Peers | undefined {
    const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
    const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
    const home = join(cache, 'customer-analyzer', `bench-peers-${hash}`);
    if (!existsSync(home)) {
      // Under another name until it is whole, so that an interrupted installation is never taken for one.
      const unfinished = `${home}.${process.pid}`;
      const made =
        spawnSync('python3', ['-m', 'venv', unfinished]).status === 0 &&
        spawnSync(join(unfinished, 'bin/python'), ['-m', 'pip', 'install', '-q', '-r', requirements], {
          stdio: ['ignore', 'ignore', 'inherit'],
        }).status === 0;
      if (!made) {
        rmSync(unfinished, { recursive: true, force: true });
        process.stdout.write('SKIPPED: the peers need python3 with venv and pip, and a package index.\n');
        return undefined;
      }
      renameSync(unfinished, home);
    }
    return new Peers(join(home, 'bin/python'));
  }

  /** What the script prints, as JSON. */
  run<Result>(script: string, args: readonly string[]): Result {
    const output = execFileSync(this.#python, ['-W', 'ignore', join(folder, script), ...args], {
      encoding: 'utf8',
      maxBuffer: 1 << 30,
    });
    return JSON.parse(output) as Result;
  }
}
