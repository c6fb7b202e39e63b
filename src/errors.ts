/**
 * The one registry of errors. A code is stable for ever: callers branch on it, documents link to it (docs/errors.md).
 * `exit` is the process exit code (1 failure, 2 usage or bad input); `status` is the HTTP status of the same error.
 */
export const errorCodes = {
  USAGE: { exit: 2, status: 400, title: 'Wrong use' },
  CONFIG_INVALID: { exit: 2, status: 500, title: 'Configuration is invalid' },
  DEFAULT_PASSWORD: { exit: 2, status: 500, title: 'A development password in production' },
  INTERNAL: { exit: 1, status: 500, title: 'Unexpected error' },

  EMBEDDED_BINARIES_MISSING: { exit: 1, status: 500, title: 'Embedded PostgreSQL is not installed' },
  EMBEDDED_START_FAILED: { exit: 1, status: 500, title: 'Embedded PostgreSQL did not start' },
  EMBEDDED_NO_USER: { exit: 1, status: 500, title: 'No unprivileged user to run PostgreSQL' },
  DISK_FULL: { exit: 1, status: 507, title: 'No space left' },
  DATABASE_UNREACHABLE: { exit: 1, status: 503, title: 'Database cannot be reached' },
  DATABASE_TIMEOUT: { exit: 1, status: 503, title: 'The database took too long' },
  DATABASE_NOT_READY: { exit: 1, status: 503, title: 'Database is not set up' },
  DATABASE_VERSION: { exit: 1, status: 500, title: 'PostgreSQL version is not supported' },
  DATABASE_REFUSED: { exit: 1, status: 500, title: 'The database refused a statement' },
  MIGRATION_CHANGED: { exit: 1, status: 500, title: 'An applied migration was changed' },
  MIGRATION_ORDER: { exit: 1, status: 500, title: 'Migrations are out of order' },
  MIGRATION_FAILED: { exit: 1, status: 500, title: 'A migration failed' },
  MIGRATION_UNKNOWN: { exit: 1, status: 500, title: 'The database is newer than this program' },
  PORT_TAKEN: { exit: 1, status: 500, title: 'Port is taken' },
  PSQL_MISSING: { exit: 1, status: 500, title: 'psql is not installed' },
  BACKUP_UNAVAILABLE: { exit: 1, status: 500, title: 'Backups cannot be made here' },

  IMPORT_FILE: { exit: 2, status: 400, title: 'File cannot be read' },
  IMPORT_FORMAT: { exit: 2, status: 400, title: 'Format is not recognised' },
  IMPORT_HEADER: { exit: 2, status: 400, title: 'Header does not fit the format' },
  IMPORT_ENCODING: { exit: 2, status: 400, title: 'File is not text' },
  IMPORT_TOO_MANY_REJECTS: { exit: 1, status: 422, title: 'Too many rejected rows' },
  IMPORT_BUSY: { exit: 1, status: 409, title: 'Another import is running' },

  INGEST_TOO_LARGE: { exit: 2, status: 413, title: 'More than a request may hold' },
  INGEST_OVERLOADED: { exit: 1, status: 503, title: 'More events than can be taken in at this moment' },
  INGEST_REJECTED: { exit: 2, status: 400, title: 'The event was refused' },
  INGEST_CONFLICT: { exit: 1, status: 409, title: 'Another event with this id is known' },

  NOT_FOUND: { exit: 1, status: 404, title: 'Not found' },
  VALIDATION: { exit: 2, status: 400, title: 'Input is not valid' },
  PERSON_ERASED: { exit: 1, status: 409, title: 'The person was erased' },
  PERIOD_REVERSED: { exit: 2, status: 400, title: 'Period ends before it begins' },

  UNAUTHENTICATED: { exit: 1, status: 401, title: 'Credentials are missing or not valid' },
  LOGIN_FAILED: { exit: 1, status: 401, title: 'Login failed' },
  FORBIDDEN: { exit: 1, status: 403, title: 'Not allowed with these credentials' },
  CSRF: { exit: 1, status: 403, title: 'Request did not come from our own page' },
  SET_UP_CLOSED: { exit: 1, status: 409, title: 'Set-up is closed' },
  PAYLOAD_TOO_LARGE: { exit: 1, status: 413, title: 'Body is too large' },
  UNSUPPORTED_MEDIA_TYPE: { exit: 1, status: 415, title: 'Body is of a type that is not read here' },
  TOO_MANY_REQUESTS: { exit: 1, status: 429, title: 'Too many requests' },
  BUSY: { exit: 1, status: 503, title: 'Too much is going on at once' },

  MODEL_NO_CONVERGENCE: { exit: 1, status: 500, title: 'Model did not converge' },
  MODEL_BAD_INPUT: { exit: 2, status: 400, title: 'Data do not fit the model' },
  SCORING_NO_DATA: { exit: 1, status: 409, title: 'Nothing to score' },
  SCORING_BUSY: { exit: 1, status: 409, title: 'Another scoring run is writing' },
  SCORING_STALE: { exit: 1, status: 409, title: 'No recent events to score' },

  JOB_UNKNOWN: { exit: 2, status: 404, title: 'There is no such job' },
  JOB_SCHEDULE: { exit: 2, status: 400, title: 'Schedule is not valid' },
  JOB_BUSY: { exit: 1, status: 409, title: 'Job is waiting already' },
  JOB_FAILED: { exit: 1, status: 500, title: 'Job failed' },
  JOB_INTERRUPTED: { exit: 1, status: 500, title: 'Worker ended in the middle of a job' },

  DEMO_NOT_ALLOWED: { exit: 2, status: 409, title: 'The demonstration shop is not allowed here' },
} as const;

export type ErrorCode = keyof typeof errorCodes;

export interface ErrorOptions {
  /** What a program needs: the place, the values, never personal data or secrets. */
  details?: Record<string, unknown>;
  /** What the reader can do about it, one sentence. */
  hint?: string;
  cause?: unknown;
}

export class AppError extends Error {
  readonly code: ErrorCode;
  readonly details: Record<string, unknown>;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.details = options.details ?? {};
    this.hint = options.hint;
  }

  get exitCode(): number {
    return errorCodes[this.code].exit;
  }

  get httpStatus(): number {
    return errorCodes[this.code].status;
  }
}
