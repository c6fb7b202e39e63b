import { AppError, type ErrorCode } from '../errors.ts';

interface Translation {
  code: ErrorCode;
  hint: string;
}

const HINT_SETUP = 'Set the database up: customer-analyzer db migrate';
const HINT_REACH =
  'Check that PostgreSQL runs and that DATABASE_URL (host, port, user, password, database) is right.';
const HINT_TLS =
  'The certificate of the server is not good for this URL: sslrootcert=FILE names its authority, the host has to be a name in it, and it must not have expired.';

/** SQLSTATE or Node error code -> our code. CA… are raised by our own functions (database/init/04-create-functions.sql). */
const translations: Record<string, Translation> = {
  CA001: { code: 'PERIOD_REVERSED', hint: 'The first day comes first; both days belong to the period.' },
  CA002: { code: 'VALIDATION', hint: 'See the message for the value that is accepted.' },
  CA003: {
    code: 'PERSON_ERASED',
    hint: 'The id belongs to somebody who asked to be forgotten: it cannot be given to a customer again.',
  },
  CA004: { code: 'NOT_FOUND', hint: 'customer-analyzer users list shows who is there.' },
  CA005: { code: 'IMPORT_BUSY', hint: 'Try again when the import has ended.' },
  '22007': { code: 'VALIDATION', hint: 'Dates are written YYYY-MM-DD.' },
  '22008': { code: 'VALIDATION', hint: 'The date is outside the range that PostgreSQL can hold.' },
  '22009': { code: 'VALIDATION', hint: 'Offsets of time zones end at 15:59.' },
  '22003': { code: 'VALIDATION', hint: 'A number is larger than the column can hold.' },
  '22021': { code: 'VALIDATION', hint: 'Text is UTF-8 without NUL characters.' },
  '22P05': { code: 'VALIDATION', hint: 'Text is UTF-8 without NUL characters.' },
  '22P02': { code: 'VALIDATION', hint: 'A value does not have the type that is asked for.' },
  '53100': { code: 'DISK_FULL', hint: 'Free space where the database lives; what was committed is kept.' },
  '42P01': { code: 'DATABASE_NOT_READY', hint: HINT_SETUP },
  '42883': { code: 'DATABASE_NOT_READY', hint: HINT_SETUP },
  '3F000': { code: 'DATABASE_NOT_READY', hint: HINT_SETUP },
  '3D000': { code: 'DATABASE_NOT_READY', hint: HINT_SETUP },
  '28P01': {
    code: 'DATABASE_UNREACHABLE',
    hint: 'The password is wrong. See APP_USER_PASSWORD, ML_USER_PASSWORD and DATABASE_URL.',
  },
  '28000': { code: 'DATABASE_UNREACHABLE', hint: HINT_REACH },
  '53300': {
    code: 'DATABASE_UNREACHABLE',
    hint: 'All connections are taken; raise max_connections or start fewer processes.',
  },
  '57014': {
    code: 'DATABASE_TIMEOUT',
    hint: 'Try again; if it stays so, look at what else the server is doing.',
  },
  '57P01': { code: 'DATABASE_UNREACHABLE', hint: 'The server was stopped. Try again when it is back.' },
  '57P02': {
    code: 'DATABASE_UNREACHABLE',
    hint: 'The server is recovering from a crash. Try again in a moment.',
  },
  '57P03': {
    code: 'DATABASE_UNREACHABLE',
    hint: 'The server is starting or stopping. Try again in a moment.',
  },
  ECONNREFUSED: { code: 'DATABASE_UNREACHABLE', hint: HINT_REACH },
  ECONNRESET: { code: 'DATABASE_UNREACHABLE', hint: HINT_REACH },
  ENOTFOUND: { code: 'DATABASE_UNREACHABLE', hint: HINT_REACH },
  ETIMEDOUT: { code: 'DATABASE_UNREACHABLE', hint: HINT_REACH },
  ERR_TLS_CERT_ALTNAME_INVALID: { code: 'DATABASE_UNREACHABLE', hint: HINT_TLS },
  SELF_SIGNED_CERT_IN_CHAIN: { code: 'DATABASE_UNREACHABLE', hint: HINT_TLS },
  DEPTH_ZERO_SELF_SIGNED_CERT: { code: 'DATABASE_UNREACHABLE', hint: HINT_TLS },
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: { code: 'DATABASE_UNREACHABLE', hint: HINT_TLS },
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: { code: 'DATABASE_UNREACHABLE', hint: HINT_TLS },
  CERT_HAS_EXPIRED: { code: 'DATABASE_UNREACHABLE', hint: HINT_TLS },
  EPIPE: { code: 'DATABASE_UNREACHABLE', hint: HINT_REACH },
};

/** pg reports some broken connections by words alone. */
const unreachable =
  /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/;

/** Turns what pg throws into an AppError with a stable code; an AppError and a foreign error pass through. */
export function databaseError(error: unknown): Error {
  if (error instanceof AppError || !(error instanceof Error)) return error as Error;
  const { code, hint } = error as Error & { code?: string; hint?: string };
  const translation = code === undefined ? undefined : translations[code];
  // Node's AggregateError (localhost as ::1 and 127.0.0.1) has an empty message.
  const message = error.message === '' ? `connection failed (${code ?? error.name})` : error.message;
  const details = code === undefined ? {} : { sqlState: code };
  if (translation)
    return new AppError(translation.code, message, {
      details,
      hint: code?.startsWith('CA') ? (hint ?? translation.hint) : translation.hint,
      cause: error,
    });
  if (message === 'Query read timeout')
    return new AppError('DATABASE_TIMEOUT', 'the server stopped answering', {
      hint: HINT_REACH,
      cause: error,
    });
  if (unreachable.test(message))
    return new AppError('DATABASE_UNREACHABLE', message, { hint: HINT_REACH, cause: error });
  if (code !== undefined && /^[0-9A-Z]{5}$/.test(code)) {
    return new AppError('DATABASE_REFUSED', message, { details, ...(hint ? { hint } : {}), cause: error });
  }
  return error;
}
