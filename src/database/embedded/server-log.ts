import { chmodSync, closeSync, existsSync, openSync } from 'node:fs';
import { copyFile, rename, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { giveTo, type SystemUser } from './unprivileged-user.ts';

const rotateAtBytes = 16 * 1024 * 1024;

export function logFileOf(base: string): string {
  return join(base, 'postgresql.log');
}

/** A descriptor that the server can append to; its user owns the file, so that root and that user can take turns. */
export function openLog(path: string, user: SystemUser | undefined): number {
  const isNew = !existsSync(path);
  const descriptor = openSync(path, 'a', 0o600);
  try {
    if (isNew) chmodSync(path, 0o600);
    giveTo(user, path);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Keeps one older log beside the current one, so that the two never hold more than about 32 MB. */
export async function rotateLog(path: string, isServerRunning: boolean): Promise<void> {
  const size = await stat(path).then(
    (entry) => entry.size,
    () => 0,
  );
  if (size < rotateAtBytes) return;
  if (!isServerRunning) return rename(path, `${path}.1`);
  // The server keeps its descriptor and appends to it: after the cut it goes on at the beginning of the same file.
  await copyFile(path, `${path}.1`);
  await truncate(path);
}
