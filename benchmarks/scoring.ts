import { createPool } from '../src/database/pool.ts';
import { type ScoreOptions, score } from '../src/scoring/score.ts';
import { daysBefore } from '../src/scoring/snapshot.ts';
import { train } from '../src/scoring/train.ts';
import { type BigShop, bigShopEnd, loadBigShop } from './big-shop.ts';
import { type ShopServer, withShopServer } from './shop-server.ts';

/*
 * npm run bench -- scoring [CUSTOMERS] [EVENTS]
 *
 * Everything from events to published scores, 1,000,000 customers and 20,000,000 events unless given. The baseline is the one aggregation
 * alone: all events folded to days of customers by one SELECT that writes nothing.
 *
 * Measured at 1,000,000 customers (509,355 buyers), 19,874,982 events, durable settings, nothing else on the 2 cores, in units of the aggregation (37.3 s):
 * kept as days of customers 1.11, applied and published into empty tables 1.50, so 2.61 for all; training 4.17. Of all folded and scored anew: nothing
 * new .05; the shop's own newest 1 % of events, which touch 5.0 % of the customers, .09; 1 % spread over 18 % of them .22; a day later, where all
 * rows change, .61. A session before, at 500,000: 1.55 + 2.46 = 4.0. Since then WAL is not packed, which folding gained most by, and this process, that
 * the server was waiting for, takes a third less: the 13 expectations behind discounted revenue are asked once a day of age of those who bought once,
 * columns are picked by loops (Float64Array.from with a function goes by the iterator), numbers rounded by arithmetic in place of toFixed, and
 * the shop as a whole is looked at while the last portion is written (100,000 customers, other work: 4.96 to 3.7 s of the processor).
 * How we came there: features of 200,000 customers 3.4 s to 0.84 by asking once whether days are noted; 20,000 noted days folded again
 * in 5 s in place of 53 without an anti-join of two CTEs; all days folded by a scan and hashes 83 s, by the index of customers 156, sorted by
 * two workers a quarter less again (migration 0010); foreign keys checked for each row took half of the inserts (14 of 30 s, 200,000);
 * what has not changed found by a join in place of ON CONFLICT, which locks, and so writes, every row; 20,000 rows published while the models
 * are asked about the next; forecasts and reasons in one walk of the trees (12 s to 10 s of the processor, 200,000); features grouped in the order of the days;
 * features of 18,000 of 100,000 customers by the index 0.2 s, of all 1.1; an index on notes, without which consuming 18,000 took 30 s.
 * Dropped: explanations as columns in place of JSON (COPY of 200,000: 2.1 s in place of 2.6). Not tried yet: two threads.
 */

const options: Omit<ScoreOptions, 'asOf'> = {
  codeVersion: 'bench',
  purchaseHorizonDays: 30,
  churnHorizonDays: 90,
  ltvHorizonDays: 365,
  ltvDiscountHorizonDays: 1095,
  ltvDiscountRate: 0.1,
  ltvMinBuyers: 500,
  ltvMinHistoryDays: 182,
  minOutcomes: 100,
};

/** As refresh_user_days has it. */
const BASELINE = `
  SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL work_mem = '128MB';
  SELECT count(*) AS days, sum(spend) FROM app_schema.fold_all_days()`;

/** One event of every hundred, of customers of all kinds, on the last day before the moment. */
const NEW_EVENTS = `
  INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp, properties)
  SELECT 1 + (hashint8extended(n, 77) & 1073741823) % $1::integer, 1 + n % 1000, (ARRAY['view', 'view', 'add_to_cart', 'purchase'])[1 + n % 4],
    $2::timestamptz - interval '1 hour' * (1 + n % 20), CASE n % 4 WHEN 3 THEN '{"amount": 20}' ELSE '{}' END::jsonb
  FROM generate_series(1, $3::integer) n`;
/** The last events of the shop, one of every hundred, are taken away, to come back as its own newest. */
const HOLD_BACK = `
  CREATE TABLE bench_held AS SELECT * FROM app_schema.events ORDER BY event_timestamp DESC, event_id DESC LIMIT $1::integer`;
const REMOVE_HELD = 'DELETE FROM app_schema.events e USING bench_held h WHERE e.event_id = h.event_id';
const BRING_BACK = 'INSERT INTO app_schema.events SELECT * FROM bench_held';
const TOUCHED = `
  SELECT count(DISTINCT c.user_id)::float8 / (SELECT count(*) FROM app_schema.users) AS share FROM app_schema.user_day_changes c`;
const FINGERPRINT = `
  SELECT count(*) || ' ' || sum(hashtextextended(concat_ws(' ', m.user_id, m.segment_id, m.ltv, float4send(m.churn_probability),
    float4send(m.purchase_probability_30d), d.ltv_status, d.explanation), 0)::numeric) ||
    (SELECT evaluation FROM app_schema.get_latest_run('scoring'))::text AS hash
  FROM app_schema.user_metrics m JOIN app_schema.user_score_details d USING (user_id)`;

const write = (line: string): void => void process.stdout.write(`${line}\n`);

async function timed(title: string, run: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await run();
  const seconds = (performance.now() - began) / 1000;
  write(`${title.padEnd(58)} ${seconds.toFixed(1).padStart(7)} s`);
  return seconds;
}

async function measure({ url, app, ml }: ShopServer, { events, customers }: BigShop): Promise<void> {
  const administrator = createPool(url, { applicationName: 'bench' });
  const sql = (text: string, values: unknown[] = []) => administrator.query(text, values);
  const asOf = bigShopEnd;
  const scoreAt = (moment: Date) => score(ml, app, { ...options, asOf: moment });
  const hash = async (): Promise<string> => (await sql(FINGERPRINT)).rows[0].hash;
  const touched = async (): Promise<string> => `${((await sql(TOUCHED)).rows[0].share * 100).toFixed(1)} %`;
  const baseline = await timed('the one aggregation alone (baseline)', () =>
    sql(`BEGIN; ${BASELINE}; COMMIT`),
  );
  const fold = await timed('the same, kept as days of customers', () =>
    sql('SELECT app_schema.refresh_user_days(true)'),
  );
  await sql('VACUUM ANALYZE app_schema.user_days');
  const training = await timed('train', () => train(ml, app, { ...options, asOf }));
  const apply = await timed('score: apply and publish, into empty tables', () => scoreAt(asOf));
  const again = await timed('score again, nothing new', () => scoreAt(asOf));
  const full = fold + apply;
  const whole = await hash();
  await sql(HOLD_BACK, [Math.round(events / 100)]);
  await sql(REMOVE_HELD);
  await scoreAt(asOf);
  await sql(BRING_BACK);
  const newestTouch = await touched();
  const newest = await timed(`score after the shop's own newest 1 % of ${newestTouch} of customers`, () =>
    scoreAt(asOf),
  );
  const wholeAgain = (await hash()) === whole;
  await sql(NEW_EVENTS, [customers, asOf, Math.round(events / 100)]);
  const evenTouch = await touched();
  const even = await timed(`score after 1 % spread over ${evenTouch} of customers`, () => scoreAt(asOf));
  const incremental = await hash();
  const refold = await timed('all folded anew', () => sql('SELECT app_schema.refresh_user_days(true)'));
  await sql('DELETE FROM app_schema.user_metrics');
  const reapply = await timed('and scored anew', () => scoreAt(asOf));
  const same = wholeAgain && (await hash()) === incremental;
  const next = daysBefore(asOf, -1);
  await sql(NEW_EVENTS, [customers, next, Math.round(events / 100)]);
  const moved = await timed('score after 1 % new events, a day later: all rows change', () => scoreAt(next));
  const ratio = (seconds: number, to: number): string => (seconds / to).toFixed(2);
  write('');
  write(
    `score from events to published rows / the aggregation alone   ${ratio(full, baseline)}   (aim: at most 3)`,
  );
  write(`train / the aggregation alone                                 ${ratio(training, baseline)}`);
  write(`score again with nothing new / full                           ${ratio(again, full)}`);
  write(
    `score after the newest 1 %, of ${newestTouch.padEnd(6)} of customers / full   ${ratio(newest, refold + reapply)}   (aim: at most 0.2)`,
  );
  write(
    `score after 1 % spread over ${evenTouch.padEnd(6)} of customers / full      ${ratio(even, refold + reapply)}`,
  );
  write(`score after 1 % new events, a day later / full                ${ratio(moved, refold + reapply)}`);
  write(
    `incremental and full results are ${same ? 'identical' : 'DIFFERENT'}; memory of this process at most ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`,
  );
  await administrator.end();
}

export async function run([customers = '1000000', events = '20000000']: string[]): Promise<void> {
  await withShopServer({}, async (server) => {
    const began = performance.now();
    const shop = await loadBigShop(server.url, { customers: Number(customers), events: Number(events) });
    const seconds = Math.round((performance.now() - began) / 1000);
    write(
      `${shop.customers} customers, ${shop.buyers} of them bought; ${shop.events} events, ${Math.round(shop.bytes / 2 ** 20)} MB; made in ${seconds} s`,
    );
    await measure(server, shop);
  });
}
