import { createHash, randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSameProcess, type ProcessIdentity, processIdentity } from './process-identity.ts';

export interface Lock {
  release(): Promise<void>;
}

export type LockAttempt = { lock: Lock; holder?: never } | { lock?: never; holder: ProcessIdentity };

/**
 * Takes the lock file at `path`, or names the living process that holds it. A lock whose process has ended is taken over:
 * Node has no flock(2), so the file carries the holder's identity.
 */
export async function tryLock(path: string): Promise<LockAttempt> {
  const content = `${JSON.stringify({ ...processIdentity(process.pid), nonce: unique() })}\n`;
  for (;;) {
    if (await createExclusively(path, content)) return { lock: { release: () => release(path, content) } };
    const found = await readLock(path);
    if (found === undefined) continue;
    if (found.holder && isSameProcess(found.holder)) return { holder: found.holder };
    if (await replaceStale(path, found.content, content))
      return { lock: { release: () => release(path, content) } };
  }
}

/** The living holder of the lock at `path`, if there is one. */
export async function lockHolder(path: string): Promise<ProcessIdentity | undefined> {
  const holder = (await readLock(path))?.holder;
  return holder && isSameProcess(holder) ? holder : undefined;
}

/** A hard link appears with its whole content at once, so that no reader ever sees a half-written lock. */
async function createExclusively(path: string, content: string): Promise<boolean> {
  const draft = `${path}.${unique()}`;
  try {
    await writeFile(draft, content, { flag: 'wx', mode: 0o644 });
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    // A directory that this user may only read can still tell who holds the lock.
    if ((error as NodeJS.ErrnoException).code === 'EACCES' && (await lockHolder(path))) return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function readLock(path: string): Promise<{ content: string; holder?: ProcessIdentity } | undefined> {
  const content = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (content === undefined) return undefined;
  try {
    const holder = JSON.parse(content) as ProcessIdentity;
    return Number.isInteger(holder.pid) ? { content, holder } : { content };
  } catch {
    return { content };
  }
}

/**
 * Two starts may judge the same lock stale; the slower one must not replace the fresh lock of the faster one. So the exchange
 * has a lock of its own, named after the stale content: whoever holds it is the only one who may change that content, since
 * its owner is dead. When it is itself left behind by a killed process, the same rule replaces it.
 */
async function replaceStale(path: string, staleContent: string, content: string): Promise<boolean> {
  const name = createHash('sha256').update(staleContent).digest('hex').slice(0, 8);
  const { lock: exchange } = await tryLock(`${path}-${name}`);
  if (!exchange) {
    await sleep(5);
    return false;
  }
  const draft = `${path}.${unique()}`;
  try {
    if ((await readLock(path))?.content !== staleContent) return false;
    await writeFile(draft, content, { flag: 'wx', mode: 0o644 });
    await rename(draft, path);
    return true;
  } finally {
    await rm(draft, { force: true });
    await exchange.release();
  }
}

async function release(path: string, content: string): Promise<void> {
  const current = await readFile(path, 'utf8').catch(() => undefined);
  if (current === content) await rm(path, { force: true });
}

function unique(): string {
  return `${process.pid}-${randomBytes(6).toString('hex')}`;
}
