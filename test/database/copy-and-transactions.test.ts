import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyInto, copyNumbers } from '../../src/database/copy-stream.ts';
import { inTransaction } from '../../src/database/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

const COPY = 'COPY app_schema.products (name, price) FROM STDIN';
const products = async (): Promise<number> =>
  (await db.adminPool.query('SELECT count(*) AS n FROM app_schema.products')).rows[0].n;

describe('COPY in a transaction', () => {
  it('keeps text as it is: tabs, line ends, backslashes, NULL, other scripts', async () => {
    const names = ['a\tb', 'line\nend\r', '\\N', 'C:\\temp', 'Чайник ☕', ''];
    await inTransaction(db.appPool, (client) =>
      copyInto(
        client,
        COPY,
        names.map((name) => [name, null]),
      ),
    );
    const { rows } = await db.adminPool.query(
      'SELECT name, price FROM app_schema.products ORDER BY product_id',
    );
    expect(rows).toEqual(names.map((name) => ({ name, price: null })));
    await db.clear();
  });

  it.each([10, 100_000])('rolls back when the rows themselves fail after %i of them', async (count) => {
    function* failing(): Generator<[string, number]> {
      for (let i = 0; i < count; i++) yield [`product ${i}`, i];
      throw new Error('no more');
    }
    await expect(inTransaction(db.appPool, (client) => copyInto(client, COPY, failing()))).rejects.toThrow(
      'no more',
    );
    expect(await products()).toBe(0);
  });

  it('rolls back when the server refuses a row, early or late', async () => {
    function* refused(): Generator<[string, string]> {
      for (let i = 0; i < 100_000; i++) yield [`product ${i}`, i === 50 ? 'dear' : '1'];
    }
    await expect(
      inTransaction(db.appPool, (client) => copyInto(client, COPY, refused())),
    ).rejects.toMatchObject({ code: '22P02' });
    expect(await products()).toBe(0);
  });

  it('bears a backend that is ended in the middle, and the pool goes on', async () => {
    const ended = inTransaction(db.appPool, async (client) => {
      const { pid } = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0];
      await db.adminPool.query('SELECT pg_terminate_backend($1)', [pid]);
      await new Promise((resolve) => setTimeout(resolve, 100));
      await client.query('SELECT 1');
    });
    await expect(ended).rejects.toThrow();
    expect((await db.appPool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});

describe('COPY of numbers', () => {
  const read = async (query: string): Promise<number[][]> => {
    const rows: number[][] = [];
    await inTransaction(db.appPool, (client) =>
      copyNumbers(client, `COPY (${query}) TO STDOUT (FORMAT binary)`, (row) => rows.push([...row])),
    );
    return rows;
  };

  it('keeps every bit, and tells NULL from a number', async () => {
    expect(
      await read(
        "SELECT -2147483648, 0.1::float8, 'Infinity'::float8 UNION ALL SELECT NULL, -1e-300::float8, 19000.123456789::float8",
      ),
    ).toEqual([
      [-2147483648, 0.1, Number.POSITIVE_INFINITY],
      [Number.NaN, -1e-300, 19000.123456789],
    ]);
    expect(await read('SELECT 1 WHERE false')).toEqual([]);
  });

  it('comes whole through many packets', async () => {
    const rows = await read('SELECT n, n / 8.0::float8 FROM generate_series(1, 100000) n');
    expect(rows).toHaveLength(100_000);
    expect(rows.every(([n, eighth], at) => n === at + 1 && eighth === n / 8)).toBe(true);
  });

  it('throws what the server says, and the pool goes on', async () => {
    await expect(read('SELECT 1 / (n - 50000) FROM generate_series(1, 100000) n')).rejects.toMatchObject({
      code: '22012',
    });
    expect(await read('SELECT 1')).toEqual([[1]]);
  });
});
