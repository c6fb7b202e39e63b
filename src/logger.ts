import { type DestinationStream, pino } from 'pino';

export type Logger = ReturnType<typeof createLogger>;

/** Logs go to stderr as JSON lines: stdout belongs to what a command answers. Secrets are cut out by name wherever they come. */
export function createLogger(
  level: string,
  destination: DestinationStream = pino.destination({ dest: 2, sync: true }),
) {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      // Neither addresses nor query strings: both can name a person.
      serializers: {
        req: (request: { method: string; url: string }) => ({
          method: request.method,
          path: request.url.split('?')[0],
        }),
      },
      redact: {
        paths: ['password', '*.password', 'req.headers.authorization', 'req.headers.cookie'],
        censor: '[redacted]',
      },
    },
    destination,
  );
}
