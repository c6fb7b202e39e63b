import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isNegative, magnitude, parseDecimal } from './decimal.ts';

/** A decimal as an exact integer of 10^-30ths, by long-hand arithmetic that shares nothing with the code under test. */
function exact(text: string): bigint {
  const negative = text.startsWith('-');
  const [whole = '', fraction = ''] = text.replace(/^[+-]/, '').split('.');
  const value = BigInt((whole || '0') + fraction.padEnd(30, '0'));
  return negative ? -value : value;
}

const digits = (max: number) => fc.stringMatching(new RegExp(`^\\d{0,${max}}$`));

describe('parseDecimal', () => {
  it('keeps the exact value and is a JSON number', () => {
    fc.assert(
      fc.property(fc.constantFrom('', '+', '-'), digits(30), digits(30), (sign, whole, fraction) => {
        fc.pre(whole !== '' || fraction !== '');
        const written = `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}`;
        const read = parseDecimal(written) as string;
        expect(read).toMatch(/^-?(0|[1-9]\d*)(\.\d*[1-9])?$/);
        expect(exact(read)).toBe(exact(written));
        expect(parseDecimal(read)).toBe(read);
      }),
    );
  });

  it('moves the point of scientific notation without rounding', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -(10 ** 9), max: 10 ** 9 }),
        fc.integer({ min: -20, max: 20 }),
        (mantissa, power) => {
          const read = parseDecimal(`${mantissa}e${power}`) as string;
          const scaled = exact(String(mantissa)) * 10n ** 20n;
          expect(exact(read) * 10n ** 20n).toBe(
            power >= 0 ? scaled * 10n ** BigInt(power) : scaled / 10n ** BigInt(-power),
          );
        },
      ),
    );
  });

  it.each([
    ['2.10', '2.1'],
    ['.5', '0.5'],
    ['5.', '5'],
    ['007', '7'],
    ['-0.00', '0'],
    ['1e-05', '0.00001'],
    ['1.5E3', '1500'],
    ['11062.06', '11062.06'],
  ])('%s is %s', (written, read) => expect(parseDecimal(written)).toBe(read));

  it.each([
    '',
    '.',
    '-',
    '1,5',
    '1 000',
    '£5',
    'NaN',
    'Infinity',
    '0x10',
    '1e999',
    '1e',
    '--1',
    '9'.repeat(31),
    '１',
  ])('%j is no number', (written) => expect(parseDecimal(written)).toBeNull());

  it('knows the sign', () => {
    expect(isNegative('-1')).toBe(true);
    expect(isNegative('0')).toBe(false);
    expect(magnitude('-12.5')).toBe('12.5');
  });
});
