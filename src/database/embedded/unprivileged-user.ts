import { spawnSync } from 'node:child_process';
import { chownSync, lchownSync, mkdtempSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../../errors.ts';

export interface SystemUser {
  name: string;
  uid: number;
  gid: number;
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** PostgreSQL refuses to run as root: its own user of the system's package where there is one, else nobody. */
export function unprivilegedUser(): SystemUser {
  for (const name of ['postgres', 'nobody']) {
    const user = users().find((entry) => entry.name === name && entry.uid !== 0);
    if (user) return user;
  }
  throw new AppError(
    'EMBEDDED_NO_USER',
    'PostgreSQL refuses to run as root, and there is no user postgres or nobody.',
    {
      hint: 'Create one (useradd --system postgres), start as an ordinary user, or set DATABASE_URL to a PostgreSQL of your own.',
    },
  );
}

export function userById(uid: number, gid: number): SystemUser {
  return { name: users().find((entry) => entry.uid === uid)?.name ?? `uid ${uid}`, uid, gid };
}

function users(): SystemUser[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [name, , uid, gid] = line.split(':');
      return name && uid && gid ? [{ name, uid: Number(uid), gid: Number(gid) }] : [];
    });
}

/** What spawn needs to run a program as this user; nothing when the process's own user will do. */
export function asUser(user: SystemUser | undefined): { uid?: number; gid?: number } {
  return user ? { uid: user.uid, gid: user.gid } : {};
}

export function giveTo(user: SystemUser | undefined, path: string): void {
  if (user) lchownSync(path, user.uid, user.gid);
}

/** Whether the user can reach what lies in a directory, asked of the system itself: access lists count, too. */
export function canReach(user: SystemUser | undefined, directory: string): boolean {
  // The directory of this process may itself be closed to the user, hence cwd.
  const attempt = spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', directory], { cwd: '/', ...asUser(user) });
  return attempt.status === 0;
}

/** Whether a data directory of the user can stand in `directory`: reachable, and on a file system that knows owners. */
export function canHoldDataOf(user: SystemUser | undefined, directory: string): boolean {
  let probe: string | undefined;
  try {
    probe = mkdtempSync(join(directory, '.probe-'));
    if (user) chownSync(probe, user.uid, user.gid);
    return (!user || statSync(probe).uid === user.uid) && canReach(user, probe);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPERM') return false;
    throw error;
  } finally {
    if (probe) rmdirSync(probe);
  }
}
