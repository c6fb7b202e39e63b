import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonString, parseExactObject, scalarText, stringifyExact } from './exact-json.ts';

const text = fc.string({ unit: 'binary' }).map((value) => Buffer.from(value.replaceAll('\0', '')).toString());
const json = fc.dictionary(
  text.filter((key) => key !== '__proto__'),
  fc.oneof(text, fc.boolean(), fc.constant(null), fc.integer(), fc.array(fc.oneof(text, fc.integer()))),
);

describe('parseExactObject', () => {
  it('gives any object back', () => {
    fc.assert(
      fc.property(json, (object) => {
        const read = parseExactObject(JSON.stringify(object));
        expect(read).not.toBeNull();
        expect(JSON.parse(stringifyExact(read!))).toEqual(JSON.parse(JSON.stringify(object)));
      }),
    );
  });

  it('keeps every digit', () => {
    const read = parseExactObject(
      '{"amount": 12345678901234567890.12345678901234567890, "tax": 0.10, "n": [1e2]}',
    );
    expect(stringifyExact(read!)).toBe(
      '{"amount":12345678901234567890.1234567890123456789,"tax":0.1,"n":[100]}',
    );
    expect(scalarText(read!['amount'])).toBe('12345678901234567890.1234567890123456789');
  });

  it('does not take a string that looks like a number for one', () => {
    const read = parseExactObject('{"a": "12", "b": "\\u0001:5", "c": "say \\"1\\""}');
    expect(JSON.parse(stringifyExact(read!))).toEqual({ a: '12', b: '\u0001:5', c: 'say "1"' });
  });

  it.each([
    '',
    '[]',
    '1',
    'null',
    '{"a":01}',
    '{"a":NaN}',
    '{"a":1',
    '{"a":"\\u0000"}',
    '{"\\u0000":1}',
    '{"a":"\\ud800"}',
    '{"a":1e400}',
    `{"a":${'['.repeat(100)}${']'.repeat(100)}}`,
    `{"a":${'['.repeat(100_000)}`,
  ])('refuses what jsonb refuses or a shop does not mean (case %#)', (line) =>
    expect(parseExactObject(line)).toBeNull(),
  );
});

describe('jsonString', () => {
  it('is JSON.stringify', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        expect(jsonString(value)).toBe(JSON.stringify(value));
      }),
    );
  });
});
