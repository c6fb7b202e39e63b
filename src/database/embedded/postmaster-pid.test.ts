import { describe, expect, it } from 'vitest';
import { isPostmasterOf, parsePostmasterPid } from './postmaster-pid.ts';

describe('parsePostmasterPid', () => {
  it('reads the lines of a ready server', () => {
    const text =
      '4242\n/data dir/postgresql\n1700000000\n5433\n/run/s\n127.0.0.1\n  5432001    131072\nready   \n';
    expect(parsePostmasterPid(text)).toEqual({
      pid: 4242,
      dataDirectory: '/data dir/postgresql',
      port: 5433,
      socketDirectory: '/run/s',
      listenAddress: '127.0.0.1',
      status: 'ready',
    });
  });

  it('reads what a starting server has written so far', () => {
    expect(parsePostmasterPid('4242\n/data\n1700000000\n5433\n/run/s\n')).toMatchObject({
      pid: 4242,
      status: '',
    });
  });

  it.each(['', '\n', 'junk\n/data\n', '-4242\n/data\n', '4242'])('gives nothing for %j', (text) => {
    expect(parsePostmasterPid(text)).toBeUndefined();
  });
});

describe('isPostmasterOf', () => {
  it('is not fooled by another program that names the directory', async () => {
    expect(await isPostmasterOf(process.pid, process.cwd())).toBe(false);
  });
});
