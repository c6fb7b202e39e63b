import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dayOf, momentOf } from './moments.ts';

const from = Date.parse('1900-01-01T00:00:00.000Z');
const to = Date.parse('2199-12-31T23:59:59.999Z');

describe('a moment that a client wrote', () => {
  it('is read to the millisecond as JavaScript writes it, whatever day was read before', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: from, max: to }), { minLength: 1 }), (moments) => {
        for (const at of moments) {
          const written = new Date(at).toISOString();
          expect(momentOf(written, 'Europe/Berlin')).toBe(at);
          expect(dayOf(at)).toBe(written.slice(0, 10));
        }
      }),
    );
  });

  it.each([
    '2024-02-30T00:00:00.000Z',
    '2023-02-29T12:00:00.000Z',
    '2024-04-31T00:00:00.000Z',
    '2024-01-32T00:00:00.000Z',
    '2024-13-01T00:00:00.000Z',
    '2024-01-01T24:00:00.000Z',
    '2024-01-01T23:60:00.000Z',
    '2024-01-01T23:59:60.000Z',
  ])('%s is none', (written) => expect(momentOf(written, 'UTC')).toBeNull());
});
