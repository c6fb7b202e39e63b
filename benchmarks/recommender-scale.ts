import { openLinearAlgebra } from '../src/compute/open-linear-algebra.ts';
import type { FitOptions } from '../src/recommendations/fit.ts';
import { refreshRecommendations } from '../src/recommendations/refresh.ts';
import { trainRecommendations } from '../src/recommendations/train.ts';
import { bigShopEnd, loadBigShop } from './big-shop.ts';
import { withShopServer } from './shop-server.ts';

/*
 * npm run bench -- recommender-scale [EVENTS [PRODUCTS]]
 *
 * `train recommendations` and then `recommendations refresh` on a simulated shop, 20 events a customer: of each phase seconds by the clock and of this process (the
 * database's own are not in them) and the largest memory of this process until then; and all that as a ratio to reading every event once
 * in the same run.
 */

const SCAN = `SELECT sum(user_id), sum(product_id), max(event_timestamp) FROM app_schema.events`;

/** Prints what each phase took when the next one begins. */
class Phases {
  readonly #write: (line: string) => void;
  #name = '';
  #began = performance.now();
  #processor = process.cpuUsage();

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  next(name: string): void {
    if (this.#name !== '') {
      const { user, system } = process.cpuUsage(this.#processor);
      const wall = ((performance.now() - this.#began) / 1000).toFixed(1);
      const megabytes = Math.round(process.resourceUsage().maxRSS / 1024);
      this.#write(
        `${wall.padStart(8)} s, ${((user + system) / 1e6).toFixed(1).padStart(7)} s of processor, ${String(megabytes).padStart(5)} MB  ${this.#name}`,
      );
    }
    this.#name = name;
    this.#began = performance.now();
    this.#processor = process.cpuUsage();
  }
}

/** What a refresh is for: a product that is new, and somebody who bought it. */
const NEWS = `
  WITH product AS (
    INSERT INTO app_schema.products (name, category, price) VALUES ('Product 7 new', 'Category 7', 10) RETURNING product_id
  )
  INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp)
  SELECT 1, product_id, 'purchase', $1 FROM product`;

interface Measured<T> {
  readonly result: T;
  readonly seconds: number;
  readonly processorSeconds: number;
}

async function measure<T>(
  write: (line: string) => void,
  run: (options: Omit<FitOptions, 'asOf'>) => Promise<T>,
): Promise<Measured<T>> {
  const algebra = openLinearAlgebra();
  const phases = new Phases(write);
  const [began, processor] = [performance.now(), process.cpuUsage()];
  const onStep = (step: string) => phases.next(step);
  const result = await run({ codeVersion: 'bench', algebra, onStep }).finally(() => algebra.close());
  phases.next('');
  const { user, system } = process.cpuUsage(processor);
  return { result, seconds: (performance.now() - began) / 1000, processorSeconds: (user + system) / 1e6 };
}

export async function run([events = '1000000', products = '10000']: string[]): Promise<void> {
  const write = (line: string) => process.stdout.write(`${line}\n`);
  await withShopServer({ fsync: 'off' }, async ({ url, app, ml }) => {
    const shop = await loadBigShop(url, {
      customers: Math.ceil(Number(events) / 20),
      events: Number(events),
      products: Number(products),
    });
    write(`${shop.events} events of ${shop.customers} customers, ${shop.products} products`);
    const scanned = performance.now();
    await ml.query(SCAN);
    const scan = (performance.now() - scanned) / 1000;
    const summary = (name: string, { seconds, processorSeconds }: Measured<unknown>) =>
      write(
        `${name}: ${seconds.toFixed(1)} s = ${(seconds / scan).toFixed(0)} scans of the events (${scan.toFixed(2)} s); ${processorSeconds.toFixed(1)} s of this process`,
      );
    const training = await measure(write, (options) =>
      trainRecommendations(ml, app, { ...options, asOf: bigShopEnd }),
    );
    summary(`training, ${training.result.algorithm}, ${training.result.pairs} pairs`, training);
    await app.query(NEWS, [bigShopEnd]);
    const now = new Date(bigShopEnd.getTime() + 3_600_000);
    const refresh = await measure(write, (options) => refreshRecommendations(ml, app, { ...options, now }));
    summary(`refresh, ${(refresh.seconds / training.seconds).toFixed(3)} of a training`, refresh);
    write(`${Math.round(process.resourceUsage().maxRSS / 1024)} MB at most`);
  });
}
