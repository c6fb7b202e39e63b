import { Ajv } from 'ajv';
import fc from 'fast-check';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Credentials, credentials, openApi } from './support/api.ts';
import { type JsonSchema, requestsOf } from './support/openapi-requests.ts';
import { loadShop } from './support/shop.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

/** `FUZZ_RUNS=1000 npx vitest run test/api-fuzz.test.ts` is the full run. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 30);

interface Operation {
  parameters?: { name: string; in: string; required?: boolean; schema: JsonSchema }[];
  requestBody?: { content: Record<string, { schema: JsonSchema }> };
  responses: Record<string, { content?: Record<string, { schema: JsonSchema }> }>;
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: object;
}

let db: TestDatabase;
let api: FastifyInstance;
let admin: Credentials;
let document: Document;
const seen = new Map<string, Map<number, number>>();

beforeAll(async () => {
  db = await createTestDatabase();
  await loadShop(db.appPool);
  api = await openApi(db.appPool);
  // Requests revoke keys with small and the largest ids: the one that asks must not be among them, or the rest would be 401.
  await db.adminPool.query('ALTER TABLE access_control.api_keys ALTER COLUMN key_id RESTART WITH 5000000');
  admin = await credentials(db.appPool, 'admin');
  document = (await api.inject('/openapi.json')).json();
});
afterAll(async () => {
  if (RUNS !== 100)
    for (const [route, statuses] of seen) process.stdout.write(`${route} ${JSON.stringify([...statuses])}\n`);
  await api.close();
  await db.drop();
});

const ajv = new Ajv({ strict: false, validateFormats: false });
/** An answer is what the document says of its status and content type: nothing else comes, and it fits its schema. */
function checkAnswer(operation: Operation, response: Awaited<ReturnType<FastifyInstance['inject']>>) {
  const { statusCode, headers, body } = response;
  const documented = operation.responses[statusCode];
  if (!documented) return `status ${statusCode} is not documented: ${body.slice(0, 300)}`;
  const type = String(headers['content-type'] ?? '').split(';')[0] as string;
  const contents = documented.content ?? {};
  const content = contents[type];
  if (!content) return body === '' ? undefined : `${type} is not documented for ${statusCode}`;
  if (!type.endsWith('json') || type.includes('ndjson')) return undefined;
  const validate = ajv.compile({ ...content.schema, components: document.components });
  return validate(JSON.parse(body)) ? undefined : ajv.errorsText(validate.errors);
}

async function send(method: string, path: string, operation: Operation, request: InjectOptions) {
  const response = await api.inject({ ...request, headers: { ...admin, ...request.headers } });
  const key = `${method} ${path}`;
  const statuses = seen.get(key) ?? new Map<number, number>();
  statuses.set(response.statusCode, (statuses.get(response.statusCode) ?? 0) + 1);
  seen.set(key, statuses);
  if (response.statusCode >= 500) return `${response.statusCode}: ${response.body}`;
  return checkAnswer(operation, response);
}

describe(`${RUNS} requests to each route, valid and hostile, get an answer that is documented and no 5xx`, () => {
  it('of every operation of the document', async () => {
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    );
    expect(operations.length).toBeGreaterThan(25);
    const failures: string[] = [];
    for (const { path, method, operation } of operations) {
      const outcome = await fc.check(
        fc.asyncProperty(requestsOf(method, path, operation), async (request) => {
          const wrong = await send(method.toUpperCase(), path, operation, request);
          if (wrong !== undefined) throw new Error(`${method} ${request.url}: ${wrong}`);
        }),
        { numRuns: RUNS, seed: 20_261_127, endOnFailure: true },
      );
      if (outcome.failed) failures.push(String(outcome.errorInstance));
    }
    expect(failures).toEqual([]);
    // Requests that are let through and such that are refused: else the generator is not worth its name.
    for (const [route, statuses] of seen) {
      const all = [...statuses.keys()];
      const what = `${route} ${JSON.stringify([...statuses])}`;
      expect(
        all.some((status) => status >= 400),
        what,
      ).toBe(true);
      if (route === 'POST /api/session') continue;
      expect(statuses.get(401), what).toBeUndefined();
      const reached = all.filter((status) => status < 300 || status === 404 || status === 409);
      // A key has neither a session to end nor a password.
      const ofPeople = ['DELETE /api/session', 'PUT /api/session/password'];
      if (!ofPeople.includes(route)) expect(reached, what).not.toEqual([]);
    }
  });
});
