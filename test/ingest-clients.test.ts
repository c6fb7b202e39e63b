import RudderAnalytics from '@rudderstack/rudder-sdk-node';
import { Analytics } from '@segment/analytics-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createKey } from '../src/access/keys.ts';
import { LiveShop, track } from './ingest-support.ts';

let shop: LiveShop;
let address: string;
let writeKey: string;
beforeAll(async () => {
  shop = await LiveShop.open();
  address = await shop.api.listen({ host: '127.0.0.1', port: 0 });
  shop.now = new Date();
  writeKey = (await createKey(shop.db.appPool, { scope: 'write', name: 'SDK', source: 'webshop' })).key;
});
afterEach(() => shop.db.clear());
afterAll(() => shop.close());

const later = (ms: number): Promise<null> => new Promise((resolve) => setTimeout(resolve, ms, null));
const at = new Date('2025-06-01T10:00:00Z');
const cup = { product_id: 'cup', name: 'Cup', price: 4.5, quantity: 2 };
const expected = [
  ['product_clicked', 'ada visitor', 'cup'],
  ['purchase', 'ada visitor', 'cup'],
  ['view', 'ada visitor', 'cup'],
];

async function stored(): Promise<unknown[]> {
  const rows = await shop.rows(
    `SELECT e.event_type, i.external_id AS product, (SELECT string_agg(external_id, ' ' ORDER BY source) FROM app_schema.user_identities u WHERE u.user_id = e.user_id) AS person
     FROM app_schema.events e JOIN app_schema.product_identities i USING (product_id) ORDER BY e.event_type`,
  );
  return rows.map(({ event_type, person, product }) => [event_type, person, product]);
}

describe('real clients, with nothing changed but the host', () => {
  it('@segment/analytics-node', async () => {
    const failures: unknown[] = [];
    const client = new Analytics({ writeKey, host: address });
    client.on('error', (error) => failures.push(error));
    client.track({ anonymousId: 'visitor', event: 'Product Viewed', properties: cup, timestamp: at });
    client.identify({
      userId: 'ada',
      anonymousId: 'visitor',
      traits: { firstName: 'Ada', plan: 'pro' },
      timestamp: at,
    });
    client.track({
      userId: 'ada',
      event: 'Order Completed',
      properties: { order_id: 'o1', products: [cup] },
      timestamp: at,
    });
    client.track({ anonymousId: 'visitor', event: 'Product Clicked', properties: cup, timestamp: at });
    client.page({ userId: 'ada', name: 'Home' });
    client.group({ userId: 'ada', groupId: 'g' });
    client.alias({ userId: 'ada', previousId: 'visitor' });
    await client.closeAndFlush();
    expect(failures).toEqual([]);
    expect(await stored()).toEqual(expected);
    expect(await shop.rows('SELECT first_name, profile_data FROM app_schema.users')).toEqual([
      { first_name: 'Ada', profile_data: { plan: 'pro' } },
    ]);
    expect(await shop.rows('SELECT count(*)::integer AS n FROM app_schema.ingested_messages')).toEqual([
      { n: 7 },
    ]);
  });

  it('@rudderstack/rudder-sdk-node, which packs what it sends', async () => {
    const client = new RudderAnalytics(writeKey, { dataPlaneUrl: address, flushAt: 20, logLevel: 'error' });
    const sent = (send: (done: (error?: unknown) => void) => unknown): Promise<void> =>
      new Promise((resolve, reject) => send((error) => (error ? reject(error) : resolve())));
    const messages = [
      sent((done) =>
        client.track(
          { anonymousId: 'visitor', event: 'Product Viewed', properties: cup, timestamp: at },
          done,
        ),
      ),
      sent((done) =>
        client.identify({ userId: 'ada', anonymousId: 'visitor', traits: { firstName: 'Ada' } }, done),
      ),
      sent((done) =>
        client.track(
          { userId: 'ada', event: 'Order Completed', properties: { order_id: 'o1', products: [cup] } },
          done,
        ),
      ),
      sent((done) =>
        client.track({ anonymousId: 'visitor', event: 'Product Clicked', properties: cup }, done),
      ),
      sent((done) => client.screen({ userId: 'ada', name: 'Home' }, done)),
    ];
    await client.flush();
    await client.flush();
    await Promise.all(messages);
    expect(await stored()).toEqual(expected);
    expect(await shop.rows('SELECT first_name FROM app_schema.users')).toEqual([{ first_name: 'Ada' }]);
    expect(await shop.rows('SELECT count(*)::integer AS n FROM app_schema.ingest_rejects')).toEqual([
      { n: 0 },
    ]);
  });
});

describe('more than can be taken in', () => {
  it('is refused before it is read, with the time to come again; what was let in is kept, and room comes back', async () => {
    const small = await LiveShop.open({ intakeRequests: 8 });
    const url = await small.api.listen({ host: '127.0.0.1', port: 0 });
    const held = await small.db.adminPool.connect();
    // Nothing can be written meanwhile, so that what comes has to wait.
    await held.query('BEGIN; LOCK TABLE app_schema.ingested_messages IN ACCESS EXCLUSIVE MODE');
    const send = (id: string): Promise<Response> =>
      fetch(`${url}/v1/track`, {
        method: 'POST',
        headers: small.credentials,
        body: JSON.stringify(track('Seen', {}, { messageId: id })),
      });
    const answers = Array.from({ length: 24 }, (_, i) => send(`b${i}`));
    const early: Response[] = [];
    for (const answer of answers) void answer.then((each) => early.push(each));
    // Those that were let in cannot be answered yet.
    await expect.poll(() => early.length, { timeout: 20_000 }).toBe(16);
    await later(100);
    const refused = [...early];
    expect(refused).toHaveLength(16);
    for (const answer of refused) {
      expect(answer.status).toBe(503);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await answer.json()).toMatchObject({ code: 'INGEST_OVERLOADED' });
    }
    await held.query('COMMIT');
    held.release();
    const all = await Promise.all(answers);
    expect(all.filter((answer) => answer.status === 200)).toHaveLength(8);
    expect(await small.events()).toHaveLength(8);
    expect((await send('later')).status).toBe(200);
    await small.close();
  });
});

describe('the end of the server', () => {
  it('comes after what waits is written and answered', async () => {
    const other = await LiveShop.open();
    const url = await other.api.listen({ host: '127.0.0.1', port: 0 });
    const held = await other.db.adminPool.connect();
    await held.query('BEGIN; LOCK TABLE app_schema.ingested_messages IN ACCESS EXCLUSIVE MODE');
    const answers = Array.from({ length: 20 }, (_, i) =>
      fetch(`${url}/v1/track`, {
        method: 'POST',
        headers: other.credentials,
        body: JSON.stringify(track('Seen', {}, { messageId: `c${i}` })),
      }),
    );
    while (
      ((await held.query('SELECT count(*)::integer AS n FROM pg_locks WHERE NOT granted')).rows[0]
        .n as number) === 0
    );
    await later(200);
    const closed = other.api.close();
    await held.query('COMMIT');
    held.release();
    await closed;
    for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200);
    expect(await other.events()).toHaveLength(20);
    await other.db.drop();
  });
});
