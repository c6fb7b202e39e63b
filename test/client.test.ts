import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKey } from '../src/access/keys.ts';
import { ApiProblem, createClient } from '../src/client/client.ts';
import { openApi } from './support/api.ts';
import { clientTypes } from './support/client-types.ts';
import { addEvent, addUser } from './support/rows.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

const file = fileURLToPath(new URL('../src/client/api-types.ts', import.meta.url));
const biome = fileURLToPath(new URL('../node_modules/.bin/biome', import.meta.url));

let db: TestDatabase;
let api: FastifyInstance;
let address: string;

beforeAll(async () => {
  db = await createTestDatabase();
  api = await openApi(db.appPool);
  address = await api.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await api.close();
  await db.drop();
});

describe('the client', () => {
  it('has the types of the API as it is: UPDATE_CLIENT=1 npx vitest run test/client.test.ts', async () => {
    const document = (await api.inject('/openapi.json')).json();
    const input = clientTypes(document);
    const fresh = execFileSync(biome, ['format', `--stdin-file-path=${file}`], { input, encoding: 'utf8' });
    if (process.env['UPDATE_CLIENT']) writeFileSync(file, fresh);
    expect(readFileSync(file, 'utf8')).toBe(fresh);
  });

  it('asks, changes and throws problems', async () => {
    const id = await addUser(db.adminPool, 'Ann');
    await addEvent(db.adminPool, { user: id, type: 'view' });
    const { key } = await createKey(db.appPool, { scope: 'admin', name: '' });
    const call = createClient(address, { key });
    const page = await call('GET /api/users', { query: { search: 'an', limit: 5 } });
    expect(page.items.map(({ first_name }) => first_name)).toEqual(['Ann']);
    const events = await call('GET /api/users/{id}/events', { params: { id } });
    expect(events.items[0]?.event_type).toBe('view');
    const items = [{ product_id: 'p1', name: 'Cup', price: 3.5, stock: 2, attributes: { colour: 'red' } }];
    expect((await call('PUT /api/products', { body: { items } })).accepted).toBe(1);
    expect((await call('GET /api/products', {})).items[0]).toMatchObject({
      name: 'Cup',
      price: 3.5,
      stock: 2,
    });
    const made = await call('POST /api/keys', { body: { scope: 'read' } });
    expect(await call('DELETE /api/keys/{id}', { params: { id: made.id } })).toBeUndefined();
    expect(await call('GET /api/export/users', { query: { format: 'csv' } })).toContain('Ann');
    await expect(call('GET /api/users/{id}', { params: { id: 999 } })).rejects.toMatchObject({
      status: 404,
      code: 'NOT_FOUND',
      requestId: expect.any(String),
    });
    await expect(call('GET /api/users/{id}', { params: { id: 999 } })).rejects.toBeInstanceOf(ApiProblem);
    // @ts-expect-error: a route that the document has not
    await expect(call('GET /api/nothing', {})).rejects.toMatchObject({ status: 404 });
  });
});
