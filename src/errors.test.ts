import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AppError, errorCodes } from './errors.ts';

describe('the registry of errors', () => {
  it.each(['errors.md', 'errors.ru.md'])(
    'is documented code for code, with exit code and HTTP status, in docs/%s',
    (file) => {
      const text = readFileSync(new URL(`../docs/${file}`, import.meta.url), 'utf8');
      const documented = [...text.matchAll(/^\| `([A-Z_0-9]+)` \| (\d) \| (\d{3}) \|/gm)].map(
        ([, code, exit, status]) => [code, Number(exit), Number(status)],
      );
      expect(documented).toEqual(
        Object.entries(errorCodes).map(([code, { exit, status }]) => [code, exit, status]),
      );
    },
  );

  it('gives an error its exit code and status', () => {
    const error = new AppError('VALIDATION', 'no', { details: { field: 'x' }, hint: 'do' });
    expect([error.exitCode, error.httpStatus, error.details, error.hint]).toEqual([
      2,
      400,
      { field: 'x' },
      'do',
    ]);
  });
});
