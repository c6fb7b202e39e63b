import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { processIdentity } from '../../src/database/embedded/process-identity.ts';
import { findRunningEmbedded } from '../../src/database/embedded/running.ts';
import type { StartEmbeddedOptions } from '../../src/database/embedded/server.ts';

const childScript = fileURLToPath(new URL('./embedded-child.mjs', import.meta.url));

export const isRoot = process.getuid?.() === 0;
export const superuserPassword = "s3cret'&/ü";

interface ChildLine {
  notice?: string;
  ready?: {
    port: number;
    pid: number;
    attached: boolean;
    dataDirectory: string;
    socketDirectory: string;
    uid: number;
  };
  committed?: number;
  takenOver?: { pid: number; port: number };
  failure?: { code: string; message: string; hint: string };
  stopped?: string;
}

export interface Child {
  process: ChildProcess;
  lines: ChildLine[];
  exit: Promise<number | null>;
  /** The first line that carries this key, now or later; fails when the program ends without it. */
  line<K extends keyof ChildLine>(key: K): Promise<NonNullable<ChildLine[K]>>;
}

/** Homes, children and servers of one test, all ended and removed by `cleanUp`. */
export class EmbeddedHarness {
  readonly homes: string[] = [];
  readonly children: Child[] = [];

  /** A fresh home that every user can reach, as a project folder usually is. */
  home(): string {
    const directory = mkdtempSync(join(tmpdir(), 'customer-analyzer-embedded-'));
    chmodSync(directory, 0o755);
    this.homes.push(directory);
    return directory;
  }

  child(
    start: Partial<StartEmbeddedOptions> & { home: string },
    extra: { write?: boolean; uid?: number; gid?: number } = {},
  ): Child {
    const { uid, gid, ...job } = extra;
    const child = spawn(
      process.execPath,
      [childScript, JSON.stringify({ start: { port: somePort(), superuserPassword, ...start }, ...job })],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        ...(uid === undefined ? {} : { uid }),
        ...(gid === undefined ? {} : { gid }),
      },
    );
    const lines: ChildLine[] = [];
    createInterface({ input: child.stdout! }).on('line', (text) => lines.push(JSON.parse(text)));
    const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
    const handle: Child = { process: child, lines, exit, line: (key) => waitForLine(handle, key) };
    this.children.push(handle);
    return handle;
  }

  async cleanUp(): Promise<void> {
    for (const child of this.children) {
      child.process.kill('SIGKILL');
      await child.exit;
    }
    for (const home of this.homes) {
      const running = await findRunningEmbedded(home);
      if (running) process.kill(running.pid, 'SIGQUIT');
      if (running) await until(() => !exists(running.pid));
      rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    }
  }
}

async function waitForLine<K extends keyof ChildLine>(
  child: Child,
  key: K,
): Promise<NonNullable<ChildLine[K]>> {
  let ended = false;
  child.exit.then(() => {
    ended = true;
  });
  for (;;) {
    const found = child.lines.find((line) => line[key] !== undefined)?.[key];
    if (found !== undefined) return found as NonNullable<ChildLine[K]>;
    if (ended) throw new Error(`the program ended without "${key}": ${JSON.stringify(child.lines)}`);
    await sleep(10);
  }
}

/** A port far from 5432, so that a test never meets a server that somebody uses. */
export function somePort(): number {
  return 21_000 + Math.floor(Math.random() * 11_000);
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20);
}

/** A zombie has ended: in a container nobody may reap what its Node left behind. */
export function exists(pid: number): boolean {
  return processIdentity(pid) !== undefined;
}

export async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query(text)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}
