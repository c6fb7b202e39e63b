import { expect, it } from 'vitest';
import { compileKernel } from '../kernel/build.ts';
import { kernelCode } from '../src/models/linear-algebra/kernel-code.ts';

it('has the committed kernel compiled from the committed source (npm run build:kernel)', async () => {
  expect(await compileKernel()).toContain(kernelCode);
});
