import { parseTimestamp } from '../timestamps.ts';

const latencyMs = 2_000;
const aheadMs = 24 * 3_600_000;

const dayMs = 86_400_000;

let lastDay = 0;
let lastDayText = '1970-01-01';

/** The day of a moment in UTC, YYYY-MM-DD; most are of the day that was asked last. */
export function dayOf(at: number): string {
  const day = Math.floor(at / dayMs);
  if (day !== lastDay) {
    lastDayText = new Date(at).toISOString().slice(0, 10);
    lastDay = day;
  }
  return lastDayText;
}

/** What JavaScript writes is what most clients send. */
const writtenByJavaScript = /^(?:19|20|21)\d\d-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d\.\d\d\dZ$/;

/** Milliseconds since 1970 of a written moment; one without an offset is of `timeZone`. Null when it is none. */
export function momentOf(text: string, timeZone: string): number | null {
  if (writtenByJavaScript.test(text)) {
    const at = Date.parse(text);
    // V8 takes the 30th of February for the 1st of March.
    if (!Number.isNaN(at) && text.startsWith(dayOf(at))) return at;
  }
  const canonical = parseTimestamp(text);
  if (canonical === null) return null;
  const clock = canonical.slice(11);
  const at = clock.search(/[+-]/);
  const [time, offset] = at < 0 ? [clock, ''] : [clock.slice(0, at), clock.slice(at)];
  const utc = Date.parse(
    `${canonical.slice(0, 10)}T${time}${offset === '' || offset === '+00' ? 'Z' : offset}`,
  );
  if (Number.isNaN(utc)) return null;
  return offset === '' ? utc - zoneOffsetMs(utc, timeZone) : utc;
}

/** Twice, since the offset is that of the moment looked for: near a change of clocks the first guess may lie on the other side. */
function zoneOffsetMs(localAsUtc: number, timeZone: string): number {
  const first = offsetAt(localAsUtc, timeZone);
  return offsetAt(localAsUtc - first, timeZone);
}

const formats = new Map<string, Intl.DateTimeFormat>();

function offsetAt(moment: number, timeZone: string): number {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(timeZone, format);
  }
  const parts = Object.fromEntries(
    format.formatToParts(moment).map(({ type, value }) => [type, Number(value)]),
  );
  const { year, month, day, hour, minute, second } = parts as Record<string, number>;
  const local = Date.UTC(year!, month! - 1, day, hour, minute, second);
  return local - Math.floor(moment / 1000) * 1000;
}

/**
 * Corrects a moment by the sender's clock: Segment's rule, receivedAt - (sentAt - timestamp). A difference that the way through the
 * network explains is no wrong clock, so that what was exact stays exact.
 * @see https://segment.com/docs/connections/spec/common/#timestamps
 */
export function corrected(at: number, sentAt: number | null, receivedAt: number): number {
  const wrong = sentAt === null ? 0 : receivedAt - sentAt;
  return Math.abs(wrong) <= latencyMs ? at : at + wrong;
}

export function isFarAhead(at: number, receivedAt: number): boolean {
  return at > receivedAt + aheadMs;
}
