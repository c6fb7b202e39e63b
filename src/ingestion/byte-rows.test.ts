import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ByteRows } from './byte-rows.ts';

it('gives every row back, however large', () => {
  const row = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant('€'.repeat(500_000)));
  fc.assert(
    fc.property(fc.array(row, { maxLength: 12 }), (texts) => {
      const rows = new ByteRows();
      for (const text of texts) rows.append(text);
      expect(texts.map((_, i) => rows.get(i).toString())).toEqual(texts);
      expect(texts.map((_, i) => rows.lengthOf(i))).toEqual(texts.map((text) => Buffer.byteLength(text)));
    }),
  );
});
