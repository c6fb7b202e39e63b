const plain = /^([+-]?)(\d{0,30})(?:\.(\d{0,30}))?$/;
const scientific = /^([+-]?\d{0,30}(?:\.\d{0,30})?)[eE]([+-]?\d{1,2})$/;

/**
 * Reads a decimal number as text and returns its canonical form, which is also a JSON number: no plus sign, no leading
 * zero, no trailing zero of a fraction, `0` for every zero. Money never passes through a float: `0.1` stays `0.1`.
 * At most 30 digits on either side of the point (jsonb takes more; a shop does not). Anything else gives null.
 */
export function parseDecimal(text: string): string | null {
  const match = plain.exec(text);
  if (match !== null) return canonical(match[1] as string, match[2] as string, match[3] ?? '');
  const power = scientific.exec(text);
  return power === null ? null : shifted(power[1] as string, Number(power[2]));
}

function canonical(sign: string, whole: string, fraction: string): string | null {
  if (whole === '' && fraction === '') return null;
  let start = 0;
  while (start < whole.length - 1 && whole.charCodeAt(start) === 48) start++;
  let end = fraction.length;
  while (end > 0 && fraction.charCodeAt(end - 1) === 48) end--;
  const integer = whole === '' ? '0' : start === 0 ? whole : whole.slice(start);
  const value =
    end === 0 ? integer : `${integer}.${end === fraction.length ? fraction : fraction.slice(0, end)}`;
  return sign === '-' && value !== '0' ? `-${value}` : value;
}

/** Spreadsheets and data frames write 1e-05: the point moves, the digits stay. */
function shifted(mantissa: string, exponent: number): string | null {
  const match = plain.exec(mantissa);
  if (match === null) return null;
  const whole = match[2] as string;
  const fraction = match[3] ?? '';
  if (whole === '' && fraction === '') return null;
  const digits = whole + fraction;
  const point = whole.length + exponent;
  if (point < -30 || point > 60) return null;
  const padded = point < 0 ? '0'.repeat(-point) + digits : digits.padEnd(point, '0');
  const at = Math.max(point, 0);
  return canonical(match[1] as string, padded.slice(0, at), padded.slice(at));
}

export function isNegative(decimal: string): boolean {
  return decimal.charCodeAt(0) === 45;
}

/** Takes the sign off a canonical decimal. */
export function magnitude(decimal: string): string {
  return isNegative(decimal) ? decimal.slice(1) : decimal;
}
