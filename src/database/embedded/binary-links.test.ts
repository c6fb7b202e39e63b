import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { repairLinks } from './binary-links.ts';

let directory: string;
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'links-')), 'native');
  mkdirSync(join(directory, 'lib'), { recursive: true });
  writeFileSync(join(directory, 'lib', 'libpq.so.5.15'), 'library');
  const links = ['libpq.so', 'libpq.so.5'].map((name) => ({
    source: 'native/lib/libpq.so.5.15',
    target: `native/lib/${name}`,
  }));
  writeFileSync(join(directory, 'pg-symlinks.json'), JSON.stringify(links));
});
afterEach(() => rmSync(join(directory, '..'), { recursive: true }));
const names = () => readdirSync(join(directory, 'lib')).sort();

describe('repairLinks', () => {
  it('makes what the list names, relative, and only once', async () => {
    expect(await repairLinks(directory)).toBe(2);
    expect(readlinkSync(join(directory, 'lib', 'libpq.so.5'))).toBe('libpq.so.5.15');
    expect(names()).toEqual(['libpq.so', 'libpq.so.5', 'libpq.so.5.15']);
    expect(await repairLinks(directory)).toBe(0);
  });

  it('replaces a link that leads elsewhere', async () => {
    symlinkSync('nowhere', join(directory, 'lib', 'libpq.so.5'));
    await repairLinks(directory);
    expect(readlinkSync(join(directory, 'lib', 'libpq.so.5'))).toBe('libpq.so.5.15');
  });

  it('may be done by several at once', async () => {
    await Promise.all(Array.from({ length: 10 }, () => repairLinks(directory)));
    expect(names()).toEqual(['libpq.so', 'libpq.so.5', 'libpq.so.5.15']);
  });

  it('has nothing to do where there is no list, as in a PostgreSQL of the system', async () => {
    rmSync(join(directory, 'pg-symlinks.json'));
    expect(await repairLinks(directory)).toBe(0);
  });
});
