import { describe, expect, it } from 'vitest';
import { dueRuns, nextRun } from './cron.ts';

const runs = (expression: string, zone: string, after: string, count: number): string[] => {
  const found: string[] = [];
  for (let at = new Date(after); found.length < count; ) {
    at = nextRun(expression, zone, at);
    found.push(at.toISOString().replace('.000Z', 'Z'));
  }
  return found;
};

describe('when a job runs', () => {
  it.each([
    // Berlin goes from 02:00 to 03:00 on 2026-03-29, and back from 03:00 to 02:00 on 2026-10-25.
    ['30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', ['2026-03-29T01:00:00Z', '2026-03-30T00:30:00Z']],
    ['30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', ['2026-10-25T00:30:00Z', '2026-10-26T01:30:00Z']],
    // New York goes back from 02:00 to 01:00 on 2026-11-01: its 01:30 comes twice.
    [
      '30 1 * * *',
      'America/New_York',
      '2026-10-31T12:00:00Z',
      ['2026-11-01T05:30:00Z', '2026-11-02T06:30:00Z'],
    ],
    // Lord Howe Island moves by half an hour, at 02:00 on 2026-10-04.
    [
      '15 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-03T00:00:00Z',
      ['2026-10-03T15:30:00Z', '2026-10-04T15:15:00Z'],
    ],
    // What comes each hour comes in both of the hours that are called two.
    [
      '0 * * * *',
      'Europe/Berlin',
      '2026-10-24T23:20:00Z',
      ['2026-10-25T00:00:00Z', '2026-10-25T01:00:00Z', '2026-10-25T02:00:00Z'],
    ],
    ['0 3 * * MON', 'UTC', '2026-11-27T00:00:00Z', ['2026-11-30T03:00:00Z']],
  ])('%s in %s', (expression, zone, after, expected) => {
    expect(runs(expression, zone, after, expected.length)).toEqual(expected);
  });

  it('counts what fell due, and looks at no more than it is told', () => {
    const first = new Date('2026-03-01T00:00:00Z');
    const now = new Date('2026-03-01T03:05:00Z');
    expect(dueRuns('*/15 * * * *', 'UTC', first, now)).toEqual({
      latest: new Date('2026-03-01T03:00:00Z'),
      count: 13,
    });
    expect(dueRuns('*/15 * * * *', 'UTC', first, now, 5).count).toBe(5);
  });

  it.each([
    ['', 'UTC'],
    ['61 * * * *', 'UTC'],
    ['* * *', 'UTC'],
    ['0 0 * * * *', 'UTC'],
    ['each day', 'UTC'],
    ['0 0 30 2 *', 'UTC'],
    ['0 0 * * *', 'Europe/Nowhere'],
  ])('refuses %j in %s', (expression, zone) => {
    expect(() => nextRun(expression, zone, new Date())).toThrow(
      expect.objectContaining({ code: 'JOB_SCHEDULE', hint: expect.any(String) }),
    );
  });
});
