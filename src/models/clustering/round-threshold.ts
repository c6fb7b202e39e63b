/** Spans that people count in: a week, a fortnight, months, quarters, years. */
const calendarDays: readonly number[] = [7, 14, 30, 60, 90, 180, 365, 730];

/** Fewer is rounder: significant digits, half a digit less where the last is a 5; 0 for 0 and for calendar spans in days. */
export function roughness(value: number, inDays: boolean): number {
  if (value === 0 || (inDays && calendarDays.includes(value))) return 0;
  const digits = Number(value.toPrecision(12))
    .toExponential()
    .replace(/e.*$|[-.]/g, '');
  return digits.length - (digits.endsWith('5') ? 0.5 : 0);
}

/**
 * The roundest threshold t with low <= t < high, so that "x > t" parts the two as well as any other number between them.
 * Of equally round ones the least. @param low less than high
 */
export function roundestBetween(low: number, high: number, inDays: boolean): number {
  const calendar = inDays ? calendarDays.find((days) => days >= low && days < high) : undefined;
  if (calendar !== undefined) return calendar;
  if (low <= 0 && high > 0) return 0;
  const largest = Math.ceil(Math.log10(Math.max(Math.abs(low), Math.abs(high))));
  for (let exponent = largest; exponent > largest - 15; exponent--) {
    for (const unit of [10, 5]) {
      const step = (unit / 10) * 10 ** exponent;
      // Through a decimal of 12 digits: 3 * 0.1 is 0.30000000000000004, and nobody wants to read that.
      const candidate = Number((Math.ceil(low / step) * step).toPrecision(12));
      if (candidate >= low && candidate < high) return candidate;
    }
  }
  return low;
}
