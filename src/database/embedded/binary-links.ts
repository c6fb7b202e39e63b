import { randomBytes } from 'node:crypto';
import { readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

interface ListedLink {
  /** The file, as a path from the package's root ("native/lib/libpq.so.5.15"). */
  source: string;
  /** The link to it ("native/lib/libpq.so.5"). */
  target: string;
}

/**
 * npm packages cannot hold links, so these packages list theirs in pg-symlinks.json and make them in a postinstall script.
 * Where scripts are blocked we make them: each appears at once (rename), and making them twice or by two processes is harmless.
 */
export async function repairLinks(
  directory: string,
  list = join(directory, 'pg-symlinks.json'),
): Promise<number> {
  let made = 0;
  for (const { source, target } of await listedLinks(list)) {
    const link = join(directory, relative('native', target));
    const wanted = relative(dirname(target), source);
    if ((await readlink(link).catch(() => undefined)) === wanted) continue;
    await replaceLink(wanted, link);
    made += 1;
  }
  return made;
}

async function listedLinks(list: string): Promise<ListedLink[]> {
  const text = await readFile(list, 'utf8').catch((error: NodeJS.ErrnoException) => {
    // A PostgreSQL of the system has no such list, and its links are there.
    if (error.code === 'ENOENT') return '[]';
    throw error;
  });
  return JSON.parse(text) as ListedLink[];
}

async function replaceLink(wanted: string, link: string): Promise<void> {
  const draft = `${link}.${randomBytes(6).toString('hex')}`;
  try {
    await symlink(wanted, draft);
    await rename(draft, link);
  } finally {
    await rm(draft, { force: true });
  }
}
