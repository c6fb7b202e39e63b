import { readFileSync } from 'node:fs';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { AppError, type ErrorCode, errorCodes } from '../errors.ts';
import { Language, strict } from './schemas.ts';

const files = { en: '../../docs/errors.md', ru: '../../docs/errors.ru.md' };

/** The table rows of the page that people read, so that there is one text: | `CODE` | exit | HTTP | meaning |. Without the page, as in an image, the title. */
function meanings(language: 'en' | 'ru'): Map<string, string> {
  let page = '';
  try {
    page = readFileSync(new URL(files[language], import.meta.url), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const rows = page.matchAll(/^\| `([A-Z_]+)` \|[^|]*\|[^|]*\| (.*) \|$/gm);
  return new Map([...rows].map(([, code, meaning]) => [code as string, meaning as string]));
}

/** Where `documentation` of a problem leads. */
export const errorRoutes: FastifyPluginAsyncTypebox = async (app) => {
  const texts = { en: meanings('en'), ru: meanings('ru') };
  app.get(
    '/errors/:code',
    {
      config: { scope: 'none' },
      schema: {
        tags: ['health'],
        summary: 'What the code of a problem means and what to do',
        params: Type.Object({ code: Type.String({ pattern: '^[A-Z_]{1,50}$' }) }),
        querystring: Type.Object({ language: Type.Optional(Language) }, strict),
        response: {
          200: Type.Object({
            code: Type.String(),
            status: Type.Integer(),
            title: Type.String(),
            meaning: Type.String(),
          }),
          400: Type.Ref('Problem'),
          404: Type.Ref('Problem'),
        },
      },
    },
    async ({ params: { code }, query }) => {
      const entry = Object.hasOwn(errorCodes, code) ? errorCodes[code as ErrorCode] : undefined;
      if (!entry) throw new AppError('NOT_FOUND', `there is no error ${code}`);
      const { status, title } = entry;
      return { code, status, title, meaning: texts[query.language ?? 'en'].get(code) ?? title };
    },
  );
};
