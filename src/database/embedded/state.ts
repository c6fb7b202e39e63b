import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What the home remembers of its server between starts, and tells other processes while it runs. No secrets. */
export interface ServerState {
  /** The home that wrote this: a copied project must not share the database of its original. */
  home: string;
  /** The directory that holds the data: the home itself, or one that an unprivileged user can reach. */
  base: string;
  port: number;
  /** The postmaster; a state of an ended server keeps the last one. */
  pid: number;
  socketDirectory: string;
}

export function dataDirectoryOf(base: string): string {
  return join(base, 'postgresql');
}

const fileOf = (home: string) => join(home, 'embedded.json');

export async function readState(home: string): Promise<ServerState | undefined> {
  try {
    const state = JSON.parse(await readFile(fileOf(home), 'utf8')) as ServerState;
    return typeof state.base === 'string' && typeof state.home === 'string' ? state : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export async function writeState(state: ServerState): Promise<void> {
  const draft = `${fileOf(state.home)}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(draft, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o644 });
    await rename(draft, fileOf(state.home));
  } finally {
    await rm(draft, { force: true });
  }
}
