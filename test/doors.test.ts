import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Credentials, credentials, openApi } from './support/api.ts';
import { runCli } from './support/cli.ts';
import { loadScoredShop } from './support/shop.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

let db: TestDatabase;
let api: FastifyInstance;
let reader: Credentials;
let buyer: number;

beforeAll(async () => {
  db = await createTestDatabase();
  await loadScoredShop(db.mlPool, db.appPool);
  api = await openApi(db.appPool);
  reader = await credentials(db.appPool, 'read');
  buyer = (
    await db.adminPool.query('SELECT user_id FROM app_schema.user_metrics ORDER BY ltv DESC, user_id LIMIT 1')
  ).rows[0].user_id;
});
afterAll(async () => {
  await api.close();
  await db.drop();
});

const moments = (user: unknown): object => {
  const { registration_date, last_updated } = user as Record<string, string | null>;
  const time = (text: string | null | undefined) => (text ? Date.parse(text) : null);
  return { registration_date: time(registration_date), last_updated: time(last_updated) };
};

/** What a JSON reader sees of rows. */
const asJson = (rows: unknown): unknown => JSON.parse(JSON.stringify(rows));
const sql = async (text: string, values: unknown[] = []): Promise<unknown> =>
  asJson((await db.appPool.query(text, values)).rows);
const http = async (url: string): Promise<unknown> => (await api.inject({ url, headers: reader })).json();
const cli = async (...args: string[]): Promise<unknown> => {
  const result = await runCli([...args, '--json'], { DATABASE_URL: db.url });
  expect(result.stderr).toBe('');
  expect(result.code).toBe(0);
  return JSON.parse(result.stdout);
};

describe('SQL, HTTP and the terminal give the same answer', () => {
  it('about a page of customers', async () => {
    const rows = await sql(`SELECT to_jsonb(f) - 'sort_value' AS user
      FROM app_schema.find_users('{}', 'user_id', false, 5, '{"user_id": 10}') f`);
    const users = (rows as { user: Record<string, unknown> }[]).map(({ user }) => user);
    expect(users).toHaveLength(5);
    const cursor = Buffer.from('["user_id","10",10]').toString('base64url');
    const page = (await http(`/api/users?limit=5&cursor=${cursor}`)) as { items: unknown[] };
    const terminal = await cli('users', 'list', '--limit', '5', '--cursor', cursor);
    // PostgreSQL writes a moment in another way than JSON does.
    const plain = (items: unknown[]) => items.map((item) => ({ ...(item as object), ...moments(item) }));
    expect(plain(page.items)).toEqual(plain(users));
    expect(terminal).toEqual(page);
  });

  it('about all pages of customers, searched, filtered and sorted', async () => {
    const asked: Record<string, string>[] = [
      { sort: 'ltv', order: 'desc', min_ltv: '-5', max_churn_probability: '0.9' },
      { sort: 'last_updated', segment: 'champions', min_purchase_probability_30d: '0.01' },
      { sort: 'registration_date', order: 'desc', active_since: '2020-01-01T00:00:00+03:00' },
      { inactive_since: '2100-01-01T00:00:00Z', profile: '{}', search: 'a' },
    ];
    for (const query of asked) {
      let cursor: string | null = null;
      let customers = 0;
      for (let pages = 0; pages < 3; pages++) {
        const given: Record<string, string> = { ...query, limit: '7', ...(cursor ? { cursor } : {}) };
        const page = (await http(`/api/users?${new URLSearchParams(given)}`)) as {
          items: unknown[];
          next_cursor: string | null;
        };
        const options = Object.entries(given).flatMap(([name, value]) => [
          `--${name.replaceAll('_', '-')}`,
          value,
        ]);
        expect(await cli('users', 'list', ...options)).toEqual(page);
        customers += page.items.length;
        cursor = page.next_cursor;
        if (cursor === null) break;
      }
      expect(customers).toBeGreaterThan(0);
    }
  });

  it('and the terminal prints the command of the next page, as a shell reads it', async () => {
    const env = { DATABASE_URL: db.url };
    const options = ['--sort', 'ltv', '--order', 'desc', '--profile', '{}', '--limit', '2'];
    const first = await runCli(['users', 'list', ...options], env);
    expect(first.stderr).toMatch(
      /^more: customer-analyzer users list --limit 2 --sort ltv --order desc --profile '\{\}' --cursor \S+\n$/,
    );
    const words = first.stderr.trim().split(' ').slice(2);
    const next = await runCli(
      words.map((word) => word.replaceAll("'", '')),
      env,
    );
    expect(next.code).toBe(0);
    const all = await runCli(['users', 'list', ...options.slice(0, -1), '4'], env);
    const rows = (text: string): string[] =>
      text
        .trim()
        .split('\n')
        .slice(2)
        .map((row) => row.replace(/ +/g, ' ').trim());
    expect([...rows(first.stdout), ...rows(next.stdout)]).toEqual(rows(all.stdout));
  });

  it('and refuse the same', async () => {
    const wrong: [string, string][] = [
      ['cursor', Buffer.from('["ltv","1",1]').toString('base64url')],
      ['cursor', Buffer.from('["registration_date","2025-01-01 00:00:00+99",1]').toString('base64url')],
      ['profile', '[1]'],
      ['segment', 'nobody'],
      ['min_churn_probability', '2'],
      ['active_since', '2025-02-30T00:00:00Z'],
      ['active_since', '2025-02-03'],
      ['search', ''],
    ];
    for (const [name, value] of wrong) {
      expect(
        await http(`/api/users?${new URLSearchParams({ sort: 'registration_date', [name]: value })}`),
      ).toMatchObject({
        status: 400,
      });
      const told = await runCli(
        ['users', 'list', '--sort', 'registration_date', `--${name.replaceAll('_', '-')}`, value],
        {
          DATABASE_URL: db.url,
        },
      );
      expect(told.code).toBe(2);
    }
  });

  it('about one customer', async () => {
    const [card] = (await sql('SELECT * FROM app_schema.get_user($1)', [buyer])) as [object];
    const [stats] = (await sql('SELECT * FROM app_schema.get_user_stats($1)', [buyer])) as [object];
    expect(await http(`/api/users/${buyer}`)).toEqual({ ...card, stats });
    expect(await cli('users', 'show', String(buyer))).toEqual({ ...card, stats });
  });

  it.each(['en', 'ru'])('about the reasons of scores, in %s', async (language) => {
    const visitor = (
      await db.adminPool.query(
        `SELECT user_id FROM app_schema.users WHERE user_id NOT IN (SELECT user_id FROM app_schema.user_metrics) LIMIT 1`,
      )
    ).rows[0].user_id;
    for (const id of [buyer, visitor]) {
      const items = (await sql('SELECT * FROM app_schema.explain_user($1, $2)', [id, language])) as unknown[];
      expect(items.length).toBeGreaterThanOrEqual(5);
      expect(await http(`/api/users/${id}/explanation?language=${language}`)).toEqual({ items });
      expect(await cli('users', 'explain', String(id), '--language', language)).toEqual({ items });
    }
  });

  it('about recommendations', async () => {
    const rows = (await sql('SELECT * FROM app_schema.get_recommendations($1)', [buyer])) as unknown[];
    expect(rows).toHaveLength(10);
    expect(await http(`/api/users/${buyer}/recommendations`)).toEqual({ items: rows });
    expect(await cli('recommend', String(buyer))).toEqual({ items: rows });
  });

  it('about recommendations in Russian', async () => {
    const rows = await sql(`SELECT * FROM app_schema.get_recommendations($1, 3, '{"language": "ru"}')`, [
      buyer,
    ]);
    expect(await http(`/api/users/${buyer}/recommendations?limit=3&language=ru`)).toEqual({ items: rows });
    expect(await cli('recommend', String(buyer), '--limit', '3', '--language', 'ru')).toEqual({
      items: rows,
    });
  });

  it('about products beside a product, a basket and a session, and the popular', async () => {
    const lists: [string, string, string[]][] = [
      [
        "get_similar_products(3, 4, '{}')",
        '/api/products/3/similar?limit=4',
        ['similar', '3', '--limit', '4'],
      ],
      [
        `get_bought_together('{3,7}', 10, '{"max_price": 20}')`,
        '/api/products/bought-together?products=3,7&max_price=20',
        ['bought-together', '3,7', '--max-price', '20'],
      ],
      [
        `get_session_recommendations('{7,3}', 10, '{"language": "ru", "max_per_category": 1}')`,
        '/api/session/recommendations?products=7,3&language=ru&max_per_category=1',
        ['session', '7,3', '--language', 'ru', '--max-per-category', '1'],
      ],
      [
        "get_popular_products(NULL, 'month', 5)",
        '/api/products/popular?window=month&limit=5',
        ['popular', '--window', 'month', '--limit', '5'],
      ],
    ];
    for (const [call, url, args] of lists) {
      const items = (await sql(`SELECT * FROM app_schema.${call}`)) as unknown[];
      expect(items.length, call).toBeGreaterThan(0);
      expect(await http(url)).toEqual({ items });
      expect(await cli('products', ...args)).toEqual({ items });
    }
  });

  it('about rules, which count at once, and about what was tracked', async () => {
    const [before] = (await sql('SELECT * FROM app_schema.get_recommendations($1)', [buyer])) as {
      product_id: number;
    }[];
    const first = String(before!.product_id);
    const rule = (await cli('recommendations', 'rules', 'add', 'exclude', '--product', first)) as {
      rule_id: number;
    };
    expect(await cli('recommendations', 'rules', 'list')).toEqual({ items: [rule] });
    const url = `/api/users/${buyer}/recommendations`;
    const shown = (await http(url)) as { items: { product_id: number }[] };
    expect(shown.items.map((item) => item.product_id)).not.toContain(before!.product_id);
    const removed = await runCli(['recommendations', 'rules', 'remove', String(rule.rule_id)], {
      DATABASE_URL: db.url,
    });
    expect([removed.code, removed.stdout]).toEqual([0, `rule ${rule.rule_id} is gone\n`]);
    const tracked = (await http(`${url}?track=true&limit=3`)) as { recommendation_id: string };
    const kept = await sql(
      'SELECT user_id, kind FROM app_schema.recommendation_lists WHERE recommendation_id = $1',
      [tracked.recommendation_id],
    );
    expect(kept).toEqual([{ user_id: buyer, kind: 'user' }]);
    const rates = (await cli('recommendations', 'rates', '--by', 'kind')) as { items: unknown[] };
    expect(rates.items).toMatchObject([{ kind: 'user', lists: 1, shown: 3, clicks: 0 }]);
  });

  it.each([
    [['boost', '--category', 'Tea'], 'boost, and nothing else, needs a factor above 0'],
    [['pin', '--product', '2147483647', '--position', '1'], 'there is no such product'],
    [['ban', '--category', 'Tea'], 'Choose of exclude'],
  ])('a rule that lacks something says what: %j', async (args, message) => {
    const result = await runCli(['recommendations', 'rules', 'add', ...args], { DATABASE_URL: db.url });
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(message);
  });

  it('about top products', async () => {
    const items = await sql("SELECT * FROM app_schema.get_top_products('2025-01-01', '2025-01-31', 7)");
    const answer = { start: '2025-01-01', end: '2025-01-31', items };
    expect(await http('/api/products/top?start=2025-01-01&end=2025-01-31&limit=7')).toEqual(answer);
    expect(await cli('top-products', '--start', '2025-01-01', '--end', '2025-01-31', '--limit', '7')).toEqual(
      answer,
    );
  });

  it('about segments', async () => {
    const items = await sql('SELECT * FROM app_schema.list_segments()');
    expect(await http('/api/segments')).toEqual({ items });
    expect(await cli('segments')).toEqual({ items });
  });
});

it('the card of a customer has the reasons of the probability to buy in words', async () => {
  const reasons = await db.appPool.query(
    "SELECT text FROM app_schema.explain_user($1, 'ru') WHERE score = 'purchase' AND kind <> 'summary' ORDER BY line LIMIT 2",
    [buyer],
  );
  const card = await runCli(['users', 'show', String(buyer), '--language', 'ru'], { DATABASE_URL: db.url });
  expect(reasons.rows.length).toBeGreaterThan(0);
  for (const { text } of reasons.rows) expect(card.stdout).toContain(text);
});

describe('pages', () => {
  it.each(['user_id', 'ltv', 'churn_probability', 'registration_date', 'last_updated'])(
    'by %s follow next_cursor through all customers, each once, in order, up and down',
    async (sort) => {
      for (const order of ['asc', 'desc']) {
        const seen: Record<string, unknown>[] = [];
        let cursor: string | null = '';
        while (cursor !== null) {
          const page = (await http(
            `/api/users?limit=400&sort=${sort}&order=${order}${cursor ? `&cursor=${cursor}` : ''}`,
          )) as { items: Record<string, unknown>[]; next_cursor: string | null };
          seen.push(...page.items);
          cursor = page.next_cursor;
        }
        const direction = order === 'desc' ? 'DESC' : '';
        // Equal values go by id in the same direction, so that one index serves both; who has none comes last, by id.
        const all = await db.appPool.query(
          `SELECT u.user_id FROM app_schema.users u LEFT JOIN app_schema.user_metrics m USING (user_id)
           ORDER BY ${sort} ${direction} NULLS LAST, CASE WHEN ${sort} IS NULL THEN u.user_id END, u.user_id ${direction}`,
        );
        expect(seen.map((user) => user['user_id'])).toEqual(all.rows.map((row) => row.user_id));
      }
    },
  );

  it('can be of one segment', async () => {
    const page = (await http('/api/users?segment=champions&limit=1000')) as {
      items: { segment_code: string }[];
    };
    expect(page.items.length).toBeGreaterThan(0);
    expect(new Set(page.items.map((user) => user.segment_code))).toEqual(new Set(['champions']));
  });
});
