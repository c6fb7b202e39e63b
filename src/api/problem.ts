import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { databaseError } from '../database/database-error.ts';
import { AppError, type ErrorCode, errorCodes } from '../errors.ts';

/** RFC 9457; `code` is stable and listed in docs/errors.md. */
export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String(),
    hint: Type.Optional(Type.String()),
    instance: Type.String(),
  },
  { $id: 'Problem' },
);

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
  if (status < 500)
    return { code: status === 404 ? 'NOT_FOUND' : 'VALIDATION', status, detail: thrown.message };
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
  if (status === 503) reply.header('retry-after', '5');
  return reply
    .code(status)
    .type('application/problem+json')
    .send({
      type: `urn:customer-analyzer:problem:${code}`,
      title: errorCodes[code].title,
      status,
      detail,
      code,
      ...(hint ? { hint } : {}),
      instance: request.id,
    });
}
