import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parseCompactDate,
  parseEpoch,
  parseTimestamp,
  rememberingTimestamps,
  slashOrderOf,
} from './timestamps.ts';

const moments = fc.date({ min: new Date('1900-01-01Z'), max: new Date('2199-12-31Z'), noInvalidDate: true });

describe('parseTimestamp', () => {
  it('reads every moment back that JavaScript writes', () => {
    fc.assert(
      fc.property(moments, (moment) => {
        const read = parseTimestamp(moment.toISOString()) as string;
        expect(new Date(`${read.replace(' ', 'T')}:00`).getTime()).toBe(moment.getTime());
      }),
    );
  });

  it('takes a day exactly when the calendar has it', () => {
    const parts = fc.tuple(
      fc.integer({ min: 1900, max: 2199 }),
      fc.integer({ min: 0, max: 13 }),
      fc.integer({ min: 0, max: 32 }),
    );
    fc.assert(
      fc.property(parts, ([year, month, day]) => {
        const pad = (value: number) => String(value).padStart(2, '0');
        const probe = new Date(Date.UTC(year, month - 1, day));
        const exists =
          probe.getUTCFullYear() === year && probe.getUTCMonth() === month - 1 && probe.getUTCDate() === day;
        expect(parseTimestamp(`${year}-${pad(month)}-${pad(day)}`) !== null).toBe(exists);
      }),
    );
  });

  it.each([
    ['2010-12-01 08:26:00', '2010-12-01 08:26:00'],
    ['2010-12-01 08:26', '2010-12-01 08:26:00'],
    ['2010-12-01', '2010-12-01 00:00:00'],
    ['2019-10-01 00:00:00 UTC', '2019-10-01 00:00:00+00'],
    ['2019-10-01T00:00:00.123456789Z', '2019-10-01 00:00:00.123456+00'],
    ['2019-10-01T03:00:00+0330', '2019-10-01 03:00:00+03:30'],
    ['12/1/2010 8:26', '2010-12-01 08:26:00'],
  ])('%s', (written, read) => expect(parseTimestamp(written)).toBe(read));

  it.each([
    '',
    '0',
    '2011-02-29',
    '2011-06-31 00:00:00',
    '2010-12-01 24:00:00',
    '2010-12-01 08:60',
    '0019-01-01',
    '2010-12-01 08:26:00+25:00',
    '13/1/2010 8:26',
    '2010-12-01 08:26:00 Europe/London',
  ])('%j is no moment', (written) => expect(parseTimestamp(written)).toBeNull());

  it('reads slashed dates in the order that the file proves', () => {
    expect(slashOrderOf(['1/12/2010 8:26', '13/12/2010 8:26'])).toBe('day-first');
    expect(slashOrderOf(['12/1/2010 8:26', '12/13/2010 8:26'])).toBe('month-first');
    expect(parseTimestamp('1/12/2010 8:26', 'day-first')).toBe('2010-12-01 08:26:00');
  });

  it('remembers without mixing up', () => {
    const read = rememberingTimestamps();
    expect([read('2010-12-01'), read('x'), read('x'), read('2010-12-01')]).toEqual([
      '2010-12-01 00:00:00',
      null,
      null,
      '2010-12-01 00:00:00',
    ]);
  });

  it('reads compact days and Unix times', () => {
    expect(parseCompactDate('19970101')).toBe('1997-01-01 00:00:00');
    expect(parseCompactDate('19970230')).toBeNull();
    expect(parseEpoch('1433221332117')).toBe('2015-06-02 05:02:12.117+00');
    expect(parseEpoch('1433221332')).toBe('2015-06-02 05:02:12.000+00');
    expect(parseEpoch('1433221332.117')).toBe('2015-06-02 05:02:12.117+00');
    expect(parseEpoch('1433221332.0')).toBe('2015-06-02 05:02:12.000+00');
    expect(parseEpoch('1433221332117.6')).toBe('2015-06-02 05:02:12.118+00');
    expect(parseEpoch('1433221332.')).toBeNull();
    expect(parseEpoch('99999999999999')).toBeNull();
    expect(parseEpoch('12a')).toBeNull();
  });
});
