import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineAssembler, maxLineBytes } from './line-assembler.ts';
import { type Layout, RecordParser, splitLine } from './record-parser.ts';

type Seen = { fields: string[]; line: number; raw: string } | { code: string; line: number; raw: string };

function read(
  bytes: Buffer,
  layout: Layout = { kind: 'delimited', delimiter: ',' },
  cut: number[] = [],
): Seen[] {
  const seen: Seen[] = [];
  const parser = new RecordParser(
    layout,
    {
      record: (fields, line, raw) => seen.push({ fields, line, raw }),
      reject: ({ code }, line, raw) => seen.push({ code, line, raw }),
    },
    false,
  );
  const assembler = new LineAssembler(parser);
  let from = 0;
  for (const to of [...cut.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    if (to > from) assembler.push(bytes.subarray(from, to));
    from = to;
  }
  assembler.end();
  parser.end();
  return seen;
}

const fieldsOf = (text: string) =>
  read(Buffer.from(text)).map((each) => ('fields' in each ? each.fields : each.code));

const field = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r\n', ' ', 'é', '€', '€', '😀') }),
  fc
    .string({ unit: 'binary' })
    .map((text) => text.replaceAll('\0', '').replaceAll('\r', ''))
    .map((text) => Buffer.from(text).toString()),
);

describe('RecordParser', () => {
  it('reads back any CSV that RFC 4180 writes, however it is cut into chunks', () => {
    const table = fc.array(fc.array(field, { minLength: 2, maxLength: 5 }), { maxLength: 8 });
    fc.assert(
      fc.property(table, fc.constantFrom('\n', '\r\n'), fc.array(fc.nat()), (rows, end, cut) => {
        const text = rows
          .map((row) => row.map((value) => `"${value.replaceAll('"', '""')}"`).join(',') + end)
          .join('');
        const records = read(Buffer.from(text), undefined, cut);
        expect(records.map((each) => 'fields' in each && each.fields)).toEqual(
          rows.map((row) => row.map((value) => value.replaceAll('\r\n', '\n'))),
        );
      }),
    );
  });

  it('gives the same records for every way to cut any bytes into chunks', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', 'x', '\0') }),
    );
    fc.assert(
      fc.property(bytes, fc.array(fc.nat()), (content, cut) => {
        const buffer = Buffer.from(content as Uint8Array);
        expect(read(buffer, undefined, cut)).toEqual(read(buffer));
      }),
    );
  });

  it('accounts for every line that is not blank', () => {
    const text = fc.string({ unit: fc.constantFrom('"', ',', '\n', 'x') });
    fc.assert(
      fc.property(text, (content) => {
        const covered = read(Buffer.from(content)).flatMap(({ raw, line }) =>
          raw.split('\n').map((_, i) => line + i),
        );
        const expected = content.split('\n').flatMap((line, i) => (line === '' ? [] : [i + 1]));
        expect(covered).toEqual(expect.arrayContaining(expected));
        expect(new Set(covered).size).toBe(covered.length);
      }),
    );
  });

  it('leaves a quote inside an unquoted field alone', () => {
    expect(fieldsOf('a,6" PLATE,b\n')).toEqual([['a', '6" PLATE', 'b']]);
  });

  it('loses only its own line to a stray quote', () => {
    const seen = read(Buffer.from('1,"a,x\n2,b,x\n3,"c, d",x\n4,e,x\n'));
    expect(
      seen.map((each) => ('fields' in each ? each.fields[0] : `${each.code} ${each.line} ${each.raw}`)),
    ).toEqual(['malformed_quote 1 1,"a,x', '2', '3', '4']);
  });

  it('loses only its own line to a quote that never closes', () => {
    expect(fieldsOf('1,"a\n2,b\n3,c')).toEqual(['malformed_quote', ['2', 'b'], ['3', 'c']]);
  });

  it('numbers a record by its first line', () => {
    const seen = read(Buffer.from('a,"x\ny"\n\nb,z\n'));
    expect(seen).toEqual([
      { fields: ['a', 'x\ny'], line: 1, raw: 'a,"x\ny"' },
      { fields: ['b', 'z'], line: 4, raw: 'b,z' },
    ]);
  });

  it('rejects a line over the limit and reads on, whatever the chunks', () => {
    const text = `a,1\n${'x'.repeat(2 * maxLineBytes)}\nb,2\n`;
    for (const cut of [[], [5], [maxLineBytes], Array.from({ length: 40 }, (_, i) => i * 50_000)]) {
      const seen = read(Buffer.from(text), undefined, cut);
      expect(seen.map((each) => ('fields' in each ? each.fields : [each.code, each.line]))).toEqual([
        ['a', '1'],
        ['line_too_long', 2],
        ['b', '2'],
      ]);
      expect(seen[1]?.raw.length).toBeLessThan(10_000);
    }
  });

  it('rejects a quoted record over the limit and reads its lines again', () => {
    const text = `a,"\n${'line,1\n'.repeat(200_000)}`;
    const seen = read(Buffer.from(text));
    expect(seen[0]).toMatchObject({ code: 'malformed_quote', line: 1 });
    expect(seen.length).toBe(200_001);
  });

  it('rejects a line with a NUL, drops the byte order mark, takes CRLF', () => {
    const bytes = Buffer.from('\ufeffa,b\r\nc\0,d\r\ne,f');
    expect(fieldsOf(bytes.toString())).toEqual([['a', 'b'], 'nul_byte', ['e', 'f']]);
  });

  it('reads a line that is not UTF-8 as Windows-1252, and only that line', () => {
    const bytes = Buffer.concat([
      Buffer.from('a,£40 €\n'),
      Buffer.from([0x62, 0x2c, 0xa3, 0x34, 0x30, 0x20, 0x80, 10]),
    ]);
    expect(read(bytes).map((each) => 'fields' in each && each.fields[1])).toEqual(['£40 €', '£40 €']);
  });

  it('reads Cyrillic lines that are not UTF-8 as Windows-1251', () => {
    // Größe, then Чашка, then на (too short to tell, but the file has told), each in its own code page.
    const bytes = Buffer.from('4772f6df652c780ad7e0f8eae02c780aede02c780a', 'hex');
    expect(read(bytes).map((each) => 'fields' in each && each.fields[0])).toEqual(['Größe', 'Чашка', 'на']);
  });

  it('splits by blanks', () => {
    expect(read(Buffer.from(' 00004 0001 19970101  2   29.33\r\n'), { kind: 'blank' })[0]).toMatchObject({
      fields: ['00004', '0001', '19970101', '2', '29.33'],
    });
  });
});

describe('splitLine', () => {
  it('reads a header', () => expect(splitLine('"a b",c;d', ',')).toEqual(['a b', 'c;d']));
  it('refuses open quotes', () => expect(splitLine('a,"b', ',')).toBeNull());
});
