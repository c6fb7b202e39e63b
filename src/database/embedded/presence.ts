import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSameProcess, type ProcessIdentity, processIdentity } from './process-identity.ts';

/**
 * Processes that use a server which another process owns. The owner leaves the server running for them when it ends, and one
 * of them becomes its owner: `customer-analyzer db psql` that started the server must not end it below a later `npm start`.
 */
const directoryOf = (home: string) => join(home, 'attached');

/** Announces this process; the result takes it back. A process that may not write here is a guest that nobody waits for. */
export async function announcePresence(home: string): Promise<(() => Promise<void>) | undefined> {
  const directory = directoryOf(home);
  const file = join(directory, `${process.pid}-${randomBytes(4).toString('hex')}.json`);
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(file, JSON.stringify(processIdentity(process.pid)), { flag: 'wx', mode: 0o644 });
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS'].includes(String((error as NodeJS.ErrnoException).code)))
      return undefined;
    throw error;
  }
  return () => rm(file, { force: true });
}

/** The living processes that announced themselves; what dead ones left is swept away. */
export async function presentProcesses(home: string): Promise<ProcessIdentity[]> {
  const present: ProcessIdentity[] = [];
  for (const name of await readdir(directoryOf(home)).catch(() => [])) {
    const file = join(directoryOf(home), name);
    const identity = await readFile(file, 'utf8').then(
      (text) => parseIdentity(text),
      () => undefined,
    );
    if (identity && isSameProcess(identity)) present.push(identity);
    // A half-written file of a process that lives is not swept away: its name begins with the process id.
    else if (!processIdentity(Number.parseInt(name, 10))) await rm(file, { force: true });
  }
  return present;
}

function parseIdentity(text: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(text) as ProcessIdentity;
  } catch {
    return undefined;
  }
}
