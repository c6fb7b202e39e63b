import type { FastifyInstance } from 'fastify';
import type { LiveLimits } from '../src/ingestion/live/limits.ts';
import { type Credentials, credentials, openApi } from './support/api.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

export interface Answer {
  status: number;
  headers: Record<string, unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many forms
  json: any;
}

/** A shop that takes events in over HTTP, on a database of the test file's own. */
export class LiveShop {
  readonly db: TestDatabase;
  api!: FastifyInstance;
  /** Of an administrator's key; whoever is somebody else gives their own. */
  credentials!: Credentials;
  /** What the server's clock says. */
  now = new Date('2025-06-01T12:00:00Z');
  readonly #limits: Partial<LiveLimits>;

  static async open(limits: Partial<LiveLimits> = {}): Promise<LiveShop> {
    const shop = new LiveShop(await createTestDatabase(), limits);
    shop.credentials = await credentials(shop.db.appPool, 'admin');
    await shop.reopen();
    return shop;
  }

  private constructor(db: TestDatabase, limits: Partial<LiveLimits>) {
    this.db = db;
    this.#limits = limits;
  }

  /** A server that starts anew on the same database. */
  async reopen(): Promise<void> {
    await this.api?.close();
    this.api = await openApi(this.db.appPool, { now: () => this.now, ingest: this.#limits });
  }

  async post(url: string, payload: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const body = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload);
    const response = await this.api.inject({
      method: 'POST',
      url,
      payload: body,
      headers: { 'content-type': 'application/json', ...this.credentials, ...headers },
    });
    return { status: response.statusCode, headers: response.headers, json: response.json() };
  }

  async get(url: string): Promise<Answer> {
    const response = await this.api.inject({ url, headers: this.credentials });
    return { status: response.statusCode, headers: response.headers, json: response.json() };
  }

  batch(messages: object[], envelope: object = {}): Promise<Answer> {
    return this.post('/v1/batch', { batch: messages, ...envelope });
  }

  async rows(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    return (await this.db.adminPool.query(sql, values)).rows;
  }

  /** Events with the outside ids of customer and product, in order of time. */
  events(): Promise<Record<string, unknown>[]> {
    return this.rows(
      `SELECT e.external_id AS id, e.event_type AS type, e.event_timestamp AS at, e.properties,
         (SELECT string_agg(i.external_id, '+' ORDER BY i.source, i.external_id) FROM app_schema.user_identities i WHERE i.user_id = e.user_id) AS user,
         (SELECT min(i.external_id) FROM app_schema.product_identities i WHERE i.product_id = e.product_id) AS product
       FROM app_schema.events e ORDER BY e.event_timestamp, e.external_id`,
    );
  }

  async close(): Promise<void> {
    await this.api.close();
    await this.db.drop();
  }
}

let counter = 0;

export function track(event: string, properties: object = {}, rest: object = {}): Record<string, unknown> {
  return {
    type: 'track',
    messageId: `m${++counter}`,
    userId: 'u1',
    event,
    properties,
    timestamp: '2025-06-01T10:00:00Z',
    ...rest,
  };
}
