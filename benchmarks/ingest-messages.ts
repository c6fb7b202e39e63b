import pg from 'pg';
import { createKey } from '../src/access/keys.ts';
import { withLogin } from '../src/database/connection-urls.ts';
import { createPool } from '../src/database/pool.ts';
import { postRequest } from './http-client.ts';

const customers = 2_000;
const products = 300;

/** Customers, products and their outside ids, and a write key. @returns what stands in `authorization` */
export async function prepareShop(url: string): Promise<string> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(`
    INSERT INTO app_schema.users (first_name) SELECT 'u' || i FROM generate_series(1, ${customers}) i;
    INSERT INTO app_schema.user_identities SELECT 'api', 'u' || user_id, user_id FROM app_schema.users;
    INSERT INTO app_schema.products (name, price) SELECT 'p' || i, 5 FROM generate_series(1, ${products}) i;
    INSERT INTO app_schema.product_identities SELECT 'api', 'p' || product_id, product_id FROM app_schema.products;
    INSERT INTO app_schema.sources (name) VALUES ('api')`);
  await client.end();
  const pool = createPool(withLogin(url, 'app_user', 'app_password'), { applicationName: 'bench' });
  const { key } = await createKey(pool, { scope: 'write', name: 'bench' });
  await pool.end();
  return `Bearer ${key}`;
}

let made = 0;

/** An event as a shop's server sends it, some 400 bytes; each is new. */
function message(): object {
  const n = ++made;
  const product = `p${1 + ((n * 31) % products)}`;
  const buys = n % 20 === 0;
  const line = { product_id: product, price: 5, quantity: 1 };
  return {
    type: 'track',
    messageId: `node-next-${process.pid}-${n}`,
    userId: `u${1 + ((n * 17) % customers)}`,
    event: buys ? 'Order Completed' : 'Product Viewed',
    properties: buys
      ? { order_id: `o${n}`, products: [line] }
      : { ...line, url: `https://shop.example/${product}`, position: n % 40 },
    context: { library: { name: '@segment/analytics-node', version: '3.1.0' } },
    timestamp: new Date(1_717_200_000_000 + n * 40).toISOString(),
  };
}

/** A request with one event, or with a batch of them. */
export function eventRequest(authorization: string, path: string, batch: number): Buffer {
  const messages = Array.from({ length: batch }, message);
  return postRequest(path, authorization, JSON.stringify(batch > 1 ? { batch: messages } : messages[0]));
}
