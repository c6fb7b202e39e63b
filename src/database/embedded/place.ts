import { createHash } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '../../errors.ts';
import { dataDirectoryOf, readState } from './state.ts';
import {
  canHoldDataOf,
  canReach,
  giveTo,
  isRoot,
  type SystemUser,
  unprivilegedUser,
  userById,
} from './unprivileged-user.ts';

/** Where the server of a home lives, and who runs it. */
export interface Place {
  /** Holds the data directory, the log and the sockets. */
  base: string;
  dataDirectory: string;
  /** Where binaries may be copied to, if they cannot run where they are. */
  binariesRoot: string;
  /** Undefined: the user of this process. */
  user: SystemUser | undefined;
}

const systemRoot = '/var/lib/customer-analyzer';

/** PostgreSQL's sockaddr_un holds 107 bytes on Linux and 103 elsewhere; "/.s.PGSQL.65535.lock" is the longest name in it. */
const longestSocketDirectory = 103 - '/.s.PGSQL.65535.lock'.length;

/** Decides once where the data of `home` are; later starts find them there again. `home` must exist. */
export async function resolvePlace(
  home: string,
  notice: (text: string) => void,
  sharedRoot = systemRoot,
): Promise<Place> {
  const known = await knownBase(home);
  const user = placeUser(known ?? home);
  if (known ? canReach(user, known) : canHoldDataOf(user, home)) {
    if (known && known !== home) notice(elsewhere(known, home, user));
    return place(known ?? home, home, user);
  }
  if (known) throw closedData(known, user);

  const root = reachableRoot(user, sharedRoot);
  const base = freshBase(root, home, notice);
  mkdirSync(base, { recursive: true, mode: 0o755 });
  giveTo(user, base);
  notice(elsewhere(base, home, user));
  return place(base, home, user);
}

function elsewhere(base: string, home: string, user: SystemUser | undefined): string {
  return `The user ${user?.name}, who runs PostgreSQL in place of root, cannot use ${home}: the data live in ${dataDirectoryOf(base)}.`;
}

/** A home that was deleted and made again begins anew; what the deleted one left is nobody's to delete, and is named. */
function freshBase(root: string, home: string, notice: (text: string) => void): string {
  const first = join(root, digest(home));
  let base = first;
  for (let n = 2; existsSync(dataDirectoryOf(base)); n++) {
    notice(`Data of an earlier ${home} are still in ${base}; remove them when you do not need them.`);
    base = `${first}-${n}`;
  }
  return base;
}

function place(base: string, home: string, user: SystemUser | undefined): Place {
  return {
    base,
    dataDirectory: dataDirectoryOf(base),
    binariesRoot: base === home ? home : join(base, '..'),
    user,
  };
}

/** The directory that already holds the data of this home, if any. */
async function knownBase(home: string): Promise<string | undefined> {
  if (existsSync(dataDirectoryOf(home))) return home;
  const state = await readState(home);
  if (!state || !existsSync(dataDirectoryOf(state.base))) return undefined;
  // A moved home keeps its data. A copied one, whose original is still there, begins with its own.
  const isCopy = state.home !== home && (await readState(state.home))?.base === state.base;
  return isCopy ? undefined : state.base;
}

/** Root runs the server as the owner of the data, so that root and that user can take turns. */
function placeUser(base: string): SystemUser | undefined {
  const data = dataDirectoryOf(base);
  const owner = existsSync(data) ? statSync(data) : undefined;
  if (!isRoot()) {
    if (owner && owner.uid !== process.getuid?.()) throw foreignData(data, owner.uid, owner.gid);
    return undefined;
  }
  if (!owner) return unprivilegedUser();
  if (owner.uid === 0) throw rootsData(data);
  return userById(owner.uid, owner.gid);
}

/** /var/lib survives a restart of the machine; the directory for temporary files, the last resort, may not. */
function reachableRoot(user: SystemUser | undefined, sharedRoot: string): string {
  for (const root of [sharedRoot, join(tmpdir(), 'customer-analyzer')]) {
    try {
      mkdirSync(root, { recursive: true, mode: 0o755 });
      const entry = lstatSync(root);
      // Anyone can make a directory of this name below /tmp: only our own is trusted.
      if (entry.isDirectory() && entry.uid === process.getuid?.() && canHoldDataOf(user, root)) return root;
    } catch (error) {
      if (
        !['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENOENT'].includes(
          String((error as NodeJS.ErrnoException).code),
        )
      ) {
        throw error;
      }
    }
  }
  throw new AppError(
    'EMBEDDED_START_FAILED',
    `There is no directory that the user ${user?.name} can reach.`,
    {
      details: { tried: [sharedRoot, tmpdir()] },
      hint: 'Set CUSTOMER_ANALYZER_HOME to a directory whose parents this user may enter.',
    },
  );
}

/** A directory for the server's sockets that only its user can enter, short enough for a socket address. */
export function makeSocketDirectory(base: string, user: SystemUser | undefined): string {
  const owner = user?.uid ?? process.getuid?.();
  const short = `customer-analyzer-${digest(base)}`;
  const candidates = [join(base, 'socket'), join(tmpdir(), short), join('/tmp', short)];
  const directory =
    candidates.find((path) => Buffer.byteLength(path) <= longestSocketDirectory) ?? join('/tmp', short);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const entry = lstatSync(directory);
  if (!entry.isDirectory() || (entry.uid !== owner && !isRoot())) {
    throw new AppError(
      'EMBEDDED_START_FAILED',
      `The socket directory ${directory} belongs to somebody else.`,
      {
        hint: 'Remove it, or set CUSTOMER_ANALYZER_HOME to a shorter path.',
      },
    );
  }
  giveTo(user, directory);
  chmodSync(directory, 0o700);
  return directory;
}

function digest(path: string): string {
  return createHash('sha256').update(realpathSync(path)).digest('hex').slice(0, 12);
}

function foreignData(data: string, uid: number, gid: number): AppError {
  const owner = userById(uid, gid).name;
  return new AppError(
    'EMBEDDED_START_FAILED',
    `The data in ${data} belong to the user ${owner}, not to the user of this process.`,
    {
      details: { dataDirectory: data, owner, uid },
      hint: `Start as before (as root or as ${owner}), give the directory away as root (chown -R), or set CUSTOMER_ANALYZER_HOME to a directory of your own.`,
    },
  );
}

function rootsData(data: string): AppError {
  const user = unprivilegedUser().name;
  return new AppError(
    'EMBEDDED_START_FAILED',
    `The data in ${data} belong to root, and PostgreSQL refuses to run as root.`,
    {
      details: { dataDirectory: data },
      hint: `Give them to the user who runs it: chown -R ${user} ${data}`,
    },
  );
}

function closedData(base: string, user: SystemUser | undefined): AppError {
  return new AppError(
    'EMBEDDED_START_FAILED',
    `The user ${user?.name} cannot reach the data in ${base} any more.`,
    {
      details: { directory: base },
      hint: 'Open the parent directories to that user (chmod o+x), or move the directory and set CUSTOMER_ANALYZER_HOME.',
    },
  );
}
