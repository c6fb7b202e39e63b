import { openLinearAlgebra } from '../src/compute/open-linear-algebra.ts';
import { trainRecommendations } from '../src/recommendations/train.ts';
import { bigShopEnd, loadBigShop } from './big-shop.ts';
import { withShopServer } from './shop-server.ts';

/*
 * npm run bench -- recommender-scale [EVENTS [PRODUCTS]]
 *
 * `train recommendations` on a simulated shop, 20 events a customer: seconds by the clock and of this process (the database's own are
 * not in them), the largest memory of this process, and all that as a ratio to reading every event once in the same run.
 */

const SCAN = `SELECT sum(user_id), sum(product_id), max(event_timestamp) FROM app_schema.events`;

export async function run([events = '1000000', products = '10000']: string[]): Promise<void> {
  const write = (line: string) => process.stdout.write(`${line}\n`);
  await withShopServer({ fsync: 'off' }, async ({ url, app, ml }) => {
    const shop = await loadBigShop(url, {
      customers: Math.ceil(Number(events) / 20),
      events: Number(events),
      products: Number(products),
    });
    const scanned = performance.now();
    await ml.query(SCAN);
    const scan = (performance.now() - scanned) / 1000;
    const algebra = openLinearAlgebra();
    const [began, processor] = [performance.now(), process.cpuUsage()];
    const trained = await trainRecommendations(ml, app, {
      asOf: bigShopEnd,
      codeVersion: 'bench',
      algebra,
      onStep: (step) => write(`${((performance.now() - began) / 1000).toFixed(1).padStart(8)} s  ${step}`),
    }).finally(() => algebra.close());
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(processor);
    write(
      `${shop.events} events of ${shop.customers} customers, ${shop.products} products: ${trained.algorithm}, ${trained.pairs} pairs`,
    );
    write(
      `${seconds.toFixed(1)} s = ${(seconds / scan).toFixed(0)} scans of the events (${scan.toFixed(2)} s); ${((user + system) / 1e6).toFixed(1)} s of this process, ${Math.round(process.resourceUsage().maxRSS / 1024)} MB at most`,
    );
  });
}
