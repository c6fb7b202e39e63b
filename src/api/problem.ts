import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
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

const brokenStatus: Record<string, string> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
};

/** What is no HTTP, or did not come in time, never gets to a route: answered on the bare connection, which then ends. */
export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const line = brokenStatus[error.code ?? ''] ?? '400 Bad Request';
  const body = JSON.stringify({
    type: 'urn:customer-analyzer:problem:VALIDATION',
    documentation: '/errors/VALIDATION',
    title: errorCodes.VALIDATION.title,
    status: Number(line.slice(0, 3)),
    detail: `the request could not be read: ${line.slice(4)}`,
    code: 'VALIDATION',
    instance: randomUUID(),
  });
  const head = `HTTP/1.1 ${line}\r\nconnection: close\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
  socket.end(head + body);
}
