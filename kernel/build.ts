import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { main } from 'assemblyscript/asc';

/*
 * npm run build:kernel compiles kernel/assembly into src/models/linear-algebra/kernel-code.ts, which is committed: who installs,
 * develops or builds the image needs no compiler, and no file has to be found at run time. A test compiles again and compares.
 */

const committed = fileURLToPath(new URL('../src/models/linear-algebra/kernel-code.ts', import.meta.url));
const options =
  '-O3 --noAssert --runtime stub --enable simd,threads --importMemory --initialMemory 1 --maximumMemory 65536 --sharedMemory';

/** The text of kernel-code.ts. */
export async function compileKernel(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'customer-analyzer-kernel-'));
  try {
    const out = join(folder, 'kernel.wasm');
    const entry = fileURLToPath(new URL('assembly/index.ts', import.meta.url));
    const { error, stderr } = await main([entry, '--outFile', out, ...options.split(' ')]);
    if (error) throw new Error(stderr.toString(), { cause: error });
    const lines =
      readFileSync(out)
        .toString('base64')
        .match(/.{1,100}/g) ?? [];
    return [
      '/** Compiled from kernel/assembly by `npm run build:kernel`: do not edit. */',
      'export const kernelCode = `',
      ...lines,
      '`;',
      '',
    ].join('\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(committed, await compileKernel());
