import { readFileSync } from 'node:fs';

/** Of package.json; src/cli and dist/cli are equally deep. */
export const VERSION: string = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
).version;
