import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { csvLine } from '../src/api/csv.ts';
import { type Credentials, credentials, openApi } from './support/api.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

let db: TestDatabase;
let api: FastifyInstance;
let reader: Credentials;
let address: string;
const PEOPLE = 12_001;

beforeAll(async () => {
  db = await createTestDatabase();
  await db.adminPool.query(
    `INSERT INTO app_schema.users (first_name, last_name, username, profile_data)
     SELECT CASE i WHEN 1 THEN '=1+1' WHEN 2 THEN 'An "x", y' ELSE 'Ann' END, CASE i WHEN 3 THEN E'a\nb' END, 'u' || i, jsonb_build_object('country', i % 3)
     FROM generate_series(1, ${PEOPLE}) i`,
  );
  api = await openApi(db.appPool);
  reader = await credentials(db.appPool, 'read');
  address = await api.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await api.close();
  await db.drop();
});

const get = (path: string, signal?: AbortSignal) =>
  fetch(`${address}${path}`, { headers: reader, ...(signal ? { signal } : {}) });

describe('an export', () => {
  it('has every customer once, over several pages, as CSV', async () => {
    const response = await get('/api/export/users');
    expect(response.headers.get('content-type')).toContain('text/csv');
    expect(response.headers.get('content-disposition')).toContain('customers.csv');
    const lines = (await response.text()).split('\r\n');
    expect(lines.length).toBe(PEOPLE + 2);
    expect(lines[0]).toMatch(/^user_id,telegram_id,username,first_name/);
    expect(lines[1]).toContain(",'=1+1,");
    expect(lines[2]).toContain(',"An ""x"", y",');
    expect(lines[3]).toContain(',"a\nb",');
    const ids = lines.slice(1, -1).map((line) => Number(line.split(',')[0]));
    expect(ids).toEqual(Array.from({ length: PEOPLE }, (_, i) => i + 1));
  });

  it('is narrowed by the filters of the list, as NDJSON with every text as it is', async () => {
    const profile = encodeURIComponent('{"country":1}');
    const text = await (await get(`/api/export/users?format=ndjson&profile=${profile}`)).text();
    const rows = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows).toHaveLength(Math.ceil(PEOPLE / 3));
    expect(rows[0]).toMatchObject({ user_id: 1, first_name: '=1+1', ltv: null });
  });

  it('of nobody is a head line, and a wrong filter is a problem, not a broken file', async () => {
    expect((await (await get('/api/export/users?search=nobody')).text()).split('\r\n')).toHaveLength(2);
    expect(await (await get('/api/export/users?search=nobody&format=ndjson')).text()).toBe('');
    const wrong = await get('/api/export/users?segment=nobody');
    expect([wrong.status, await wrong.json()]).toMatchObject([400, { code: 'VALIDATION' }]);
  });

  it('gives its connection back when the reader hangs up, and two at a time are enough', async () => {
    for (let i = 0; i < 15; i++) {
      const hangUp = new AbortController();
      const response = await get('/api/export/users', hangUp.signal);
      expect(response.status, `export ${i}`).toBe(200);
      hangUp.abort();
      await expect.poll(() => db.appPool.idleCount).toBe(db.appPool.totalCount);
    }
  });
});

describe('a reader who is slow', () => {
  const bulk = 60_000;
  beforeAll(async () => {
    await db.adminPool.query(
      "INSERT INTO app_schema.users (first_name, last_name) SELECT 'Bulk', repeat('x', 250) FROM generate_series(1, $1)",
      [bulk],
    );
  });

  /** Asks for all, and takes nothing until it is told to. */
  async function ask(server: FastifyInstance, url: string) {
    const accepted = once(server.server, 'connection') as Promise<[Socket]>;
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.pause();
    socket.write(
      `GET /api/export/users?search=bulk HTTP/1.1\r\nhost: x\r\nauthorization: ${reader['authorization']}\r\nconnection: close\r\n\r\n`,
    );
    const [[sender]] = await Promise.all([accepted]);
    return { socket, sender };
  }

  /** What comes until the connection ends. */
  async function readAll(socket: Socket): Promise<string> {
    let text = '';
    socket.on('data', (piece) => {
      text += piece.toString('latin1');
    });
    socket.resume();
    await once(socket, 'close');
    return text;
  }

  it('is waited for: what is read from the database stays behind what is taken, and nothing is missing', async () => {
    const { socket, sender } = await ask(api, address);
    // Until nothing moves any more: the buffers of both ends are full.
    let before = -1;
    const isStill = (): boolean => {
      const now = sender.bytesWritten;
      const still = now > 0 && now === before;
      before = now;
      return still;
    };
    await expect.poll(isStill, { interval: 300, timeout: 20_000 }).toBe(true);
    expect(sender.writableLength).toBeLessThan(6e6);
    expect(sender.bytesWritten).toBeLessThan(bulk * 300);
    const text = await readAll(socket);
    expect(text.match(/,Bulk,/g)).toHaveLength(bulk);
    expect(text.endsWith('0\r\n\r\n')).toBe(true);
    await expect.poll(() => db.appPool.idleCount).toBe(db.appPool.totalCount);
  });

  it('does not keep a connection for ever', async () => {
    const impatient = await openApi(db.appPool, { longestExportMs: 500 });
    const { socket } = await ask(impatient, await impatient.listen({ host: '127.0.0.1', port: 0 }));
    await expect.poll(() => db.appPool.totalCount - db.appPool.idleCount).toBe(1);
    await expect.poll(() => db.appPool.totalCount - db.appPool.idleCount, { timeout: 10_000 }).toBe(0);
    const text = await readAll(socket);
    expect(text.endsWith('0\r\n\r\n')).toBe(false);
    await impatient.close();
  });
});

it('only texts get the apostrophe: a negative number stays one', () => {
  expect(csvLine([-1.5, '-1.5', '@x', '\tx', null, new Date(0), true])).toBe(
    "-1.5,'-1.5,'@x,'\tx,,1970-01-01T00:00:00.000Z,true\r\n",
  );
});
