import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { databaseError } from '../database/database-error.ts';
import { AppError, type ErrorCode, errorCodes } from '../errors.ts';

/** RFC 9457; `code` is stable and listed in docs/errors.md. */
export const Problem = Type.Object(
  {
    type: Type.String(),
    documentation: Type.String({ description: 'What the code means and what to do' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String(),
    hint: Type.Optional(Type.String()),
    instance: Type.String(),
  },
  { $id: 'Problem' },
);

/** Of Fastify's own errors, which have a status and no code of ours. */
const codeOfStatus: Record<number, ErrorCode> = {
  404: 'NOT_FOUND',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
};

interface ProblemParts {
  code: ErrorCode;
  status: number;
  detail: string;
  hint?: string | undefined;
}

function partsOf(thrown: FastifyError | Error): ProblemParts {
  const error = databaseError(thrown);
  if (error instanceof AppError && error.httpStatus < 500) {
    return { code: error.code, status: error.httpStatus, detail: error.message, hint: error.hint };
  }
  if (error instanceof AppError && error.httpStatus === 503) {
    return {
      code: error.code,
      status: 503,
      detail: errorCodes[error.code].title,
      hint: 'Try again in a moment.',
    };
  }
  const status = (thrown as FastifyError).statusCode ?? 500;
  if (status < 500) return { code: codeOfStatus[status] ?? 'VALIDATION', status, detail: thrown.message };
  // What went wrong inside is for the log, not for whoever asks.
  return {
    code: 'INTERNAL',
    status: 500,
    detail: 'Something went wrong on our side; the log has it under this request id.',
  };
}

/** The one place where an error becomes an HTTP answer. */
export function renderProblem(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const { code, status, detail, hint } = partsOf(error);
  if (status >= 500) request.log.error({ err: error }, 'request failed');
  const wait = error instanceof AppError ? error.details['retryAfterSeconds'] : undefined;
  if (wait !== undefined || status === 503) reply.header('retry-after', String(wait ?? 5));
  // Where the framework failed before any hook ran, it is not there yet.
  reply.header('x-request-id', request.id);
  return reply
    .code(status)
    .type('application/problem+json')
    .send({
      type: `urn:customer-analyzer:problem:${code}`,
      documentation: `/errors/${code}`,
      title: errorCodes[code].title,
      status,
      detail,
      code,
      ...(hint ? { hint } : {}),
      instance: request.id,
    });
}
