import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  integerArray,
  jsonbArray,
  smallintArray,
  textArray,
  timestampArray,
  uuidArray,
} from '../../src/database/binary-arrays.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let db: TestDatabase;

beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.string({ unit: 'binary-ascii', maxLength: 60 }),
  // One letter that takes more than a byte, where there would be no room for it.
  fc
    .tuple(fc.string({ unit: 'grapheme-ascii', maxLength: 60 }), fc.constantFrom('é', 'я', '€', '😀'))
    .map((both) => both.join('')),
);
const stored = text.filter((value) => !value.includes('\0'));
const row = fc.record({
  small: fc.integer({ min: -32_768, max: 32_767 }),
  whole: fc.integer({ min: -2_147_483_648, max: 2_147_483_647 }),
  text: stored,
  json: fc.dictionary(stored, stored, { maxKeys: 3 }),
  at: fc.date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  }),
  uuid: fc.uuid(),
});
type Row = typeof row extends fc.Arbitrary<infer T> ? T : never;

const read = `SELECT to_jsonb($1::smallint[]) AS small, to_jsonb($2::integer[]) AS whole, to_jsonb($3::text[]) AS text, to_jsonb($4::jsonb[]) AS json,
  ARRAY(SELECT (extract(epoch FROM t) * 1000)::text FROM unnest($5::timestamptz[]) t) AS at, to_jsonb($6::uuid[]) AS uuid`;

it('arrive as they were, whatever is in them', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 20 }), async (rows) => {
      const { rows: found } = await db.appPool.query(read, [
        smallintArray(rows, ({ small }: Row) => small),
        integerArray(rows, ({ whole }: Row) => whole),
        textArray(rows, ({ text }: Row) => text),
        jsonbArray(rows, ({ json }: Row) => JSON.stringify(json)),
        timestampArray(rows, ({ at }: Row) => at.getTime()),
        uuidArray(rows, ({ uuid }: Row) => uuid.replaceAll('-', '')),
      ]);
      const { at, ...others } = found[0];
      const of = (name: keyof Row): unknown[] => rows.map((each) => each[name]);
      expect(others).toEqual({
        small: of('small'),
        whole: of('whole'),
        text: of('text'),
        json: JSON.parse(JSON.stringify(of('json'))),
        uuid: of('uuid'),
      });
      expect(at.map(Number)).toEqual(rows.map((each) => each.at.getTime()));
    }),
    { numRuns: 200 },
  );
});

it('and a year that PostgreSQL does not know is refused', async () => {
  const far = timestampArray([0], () => 8.64e15);
  await expect(db.appPool.query('SELECT $1::timestamptz[]', [far])).resolves.toBeDefined();
  const past = timestampArray([0], () => -8.64e15);
  await expect(db.appPool.query('SELECT $1::timestamptz[]', [past])).rejects.toMatchObject({ code: '22008' });
});
