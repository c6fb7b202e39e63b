import type { FastifyInstance } from 'fastify';
import { AppError } from '../errors.ts';

interface Properties {
  properties?: Record<string, { type?: string }>;
}

/**
 * Whole numbers and decimals as people write them. Ajv's own coercion reads "0x10", "1e3" and " 5 " as numbers and "" as null, and would bend the
 * types in a JSON body too: it is off, and only what comes as text by nature is read, here.
 */
const readers: Record<string, (text: string) => unknown> = {
  integer: (text) => (/^-?\d{1,16}$/.test(text) ? Number(text) : text),
  number: (text) => (/^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : text),
  boolean: (text) => (text === 'true' ? true : text === 'false' ? false : text),
};

function readTexts(values: Record<string, unknown>, schema: Properties | undefined): void {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== 'string') continue;
    if (value.includes('\0')) {
      throw new AppError('VALIDATION', `${name} has a NUL character`, {
        hint: 'PostgreSQL stores no NUL in text.',
      });
    }
    const read = readers[schema?.properties?.[name]?.type ?? ''];
    // What is no number stays text, and the schema says what is wrong with it.
    if (read) values[name] = read(value);
  }
}

/** Query strings and path parameters are text: turns them into what the schema asks for, strictly. Unknown parameters are refused everywhere. */
export function validateStrictly(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    if (route.schema && !route.schema.querystring)
      route.schema.querystring = { type: 'object', properties: {}, additionalProperties: false };
  });
  app.addHook('preValidation', async (request) => {
    const { querystring, params } = request.routeOptions.schema ?? {};
    readTexts((request.query ?? {}) as Record<string, unknown>, querystring as Properties);
    readTexts((request.params ?? {}) as Record<string, unknown>, params as Properties);
  });
}
