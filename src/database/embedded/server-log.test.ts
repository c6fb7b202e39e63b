import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { logLinesSince } from './failure.ts';
import { rotateLog } from './server-log.ts';

let directory: string;
let log: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'log-'));
  log = join(directory, 'postgresql.log');
});
afterEach(() => rmSync(directory, { recursive: true }));

it('a small log is left alone', async () => {
  appendFileSync(log, 'one\n');
  await rotateLog(log, false);
  expect(existsSync(`${log}.1`)).toBe(false);
});

it('a large log is cut below a server that goes on appending', async () => {
  const server = openSync(log, 'a');
  writeSync(server, Buffer.alloc(17 * 1024 * 1024, 'x\n'));
  await rotateLog(log, true);
  writeSync(server, 'after\n');
  closeSync(server);
  expect(readFileSync(log, 'utf8')).toBe('after\n');
  expect(statSync(`${log}.1`).size).toBe(17 * 1024 * 1024);
});

it('the last lines since a launch are found, also when the log was cut since', async () => {
  appendFileSync(log, 'before\n');
  const offset = statSync(log).size;
  appendFileSync(log, 'one\ntwo\nthree\n');
  expect(await logLinesSince(log, offset, 2)).toEqual(['two', 'three']);
  expect(await logLinesSince(log, 1_000_000, 1)).toEqual(['three']);
  expect(await logLinesSince(join(directory, 'none'), 0)).toEqual([]);
});
