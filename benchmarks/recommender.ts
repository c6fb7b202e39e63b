import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLinearAlgebra } from '../src/compute/open-linear-algebra.ts';
import { openSource } from '../src/ingestion/byte-source.ts';
import { LineAssembler } from '../src/ingestion/line-assembler.ts';
import { RecordParser } from '../src/ingestion/record-parser.ts';
import { evaluateFiles, type FileTrial } from '../src/recommendations/evaluate-files.ts';
import { Peers } from './peer.ts';

/*
 * npm run bench -- recommender
 *
 * What will a customer of Online Retail buy in the 30 days after 2011-11-08? Two tasks, judged on all products: the next purchases,
 * repeats included, and new products only. Ours beside implicit's ALS and BPR, each tuned on the 30 days before by climbing one option
 * at a time, the peers until they tried as many points as the one of ours that was chosen, or for as long as all of ours took. Training is
 * compared with implicit's ALS in the same run; customers without a purchase before are left out.
 *
 * Measured with nothing else on the 2 cores, nDCG@10 of the next purchases | of new products: hybrid (chosen, 53 | 16 points) .368 | .163,
 * implicit's ALS (54 | 19 points) .284 | .090, its BPR (15 | 20) .257 | .063, buy-again alone .341, popularity .148 | .098, item-knn .163 | .058.
 * Training, all points and the last fit, in units of implicit's ALS (37 | 10 s): hybrid .51 | .34, BPR 3.5 | 20: a grid of ridges shares its Gram matrices and is
 * climbed on the head of the catalogue. The last fit alone, where ALS has 128 | 32 factors: hybrid 1.2 | 3.7, BPR 10 | 34: a few factors are
 * quicker than an inverse of 2,700 products, which takes the third power of their number (of all 3,618 it took another .25 s).
 */

const K = 10;
const DAY_MS = 86_400_000;
const TEST_FROM = Date.parse('2011-11-09T00:00:00Z');
const VALIDATION_FROM = TEST_FROM - 30 * DAY_MS;
/** Postage, fees and manual lines are no merchandise; as in the import format. */
const merchandise = /^(\d{4,}[A-Za-z]*|DCGS.*|SP\d+)$/;

interface Purchase {
  readonly customer: string;
  readonly product: string;
  readonly time: number;
}

async function readPurchases(file: string): Promise<Purchase[]> {
  const source = await openSource(file, process.stdin);
  const purchases = new Map<string, Purchase>();
  const parser = new RecordParser(
    { kind: 'delimited', delimiter: ',' },
    {
      record([invoice, code, , quantity, date, price, customer]: string[]) {
        if (!customer || /^[CA]/.test(invoice!) || !(Number(quantity) > 0) || !(Number(price) > 0)) return;
        if (!merchandise.test(code!)) return;
        purchases.set(`${customer}|${code}|${date}`, {
          customer: customer.replace(/\.0$/, ''),
          product: code!,
          time: Date.parse(`${date!.replace(' ', 'T')}Z`),
        });
      },
      reject() {},
    },
    true,
  );
  const assembler = new LineAssembler(parser);
  for await (const chunk of source.chunks()) assembler.push(chunk);
  assembler.end();
  parser.end();
  return [...purchases.values()].filter(({ time }) => Number.isFinite(time)).sort((a, b) => a.time - b.time);
}

/** Two files; of the test the customers who bought before. */
function writeSplit(
  folder: string,
  prefix: string,
  purchases: readonly Purchase[],
  from: number,
  to: number,
): void {
  const past = purchases.filter(({ time }) => time < from);
  const known = new Set(past.map(({ customer }) => customer));
  const next = purchases.filter(({ time, customer }) => time >= from && time < to && known.has(customer));
  const csv = (rows: readonly Purchase[]) =>
    [
      'user,item,timestamp',
      ...rows.map(({ customer, product, time }) => `${customer},${product},${time / 1000}`),
      '',
    ].join('\n');
  writeFileSync(join(folder, `${prefix}train.csv`), csv(past));
  writeFileSync(join(folder, `${prefix}test.csv`), csv(next));
}

type PeerResult = Record<string, Record<string, number> & { options: object }>;

interface Effort {
  /** Points of the grid. */
  readonly tried: number;
  /** Seconds for all of them. */
  readonly tuning: number;
  /** Seconds, of the last. */
  readonly fit: number;
}

const effortOf = (result: Readonly<Record<string, unknown>>): Effort => ({
  tried: result['tried'] as number,
  tuning: result['tuning'] as number,
  fit: result['seconds'] as number,
});

const metricNames = ['ndcg', 'map', 'precision', 'recall', 'hitRate'] as const;

const write = (line: string): void => void process.stdout.write(`${line}\n`);

function writeLine(
  name: string,
  metrics: Readonly<Record<string, unknown>>,
  effort: Effort,
  als: Effort | undefined,
): void {
  const both = effort.tuning + effort.fit;
  const ratio = (one: number, other: number | undefined): string =>
    other === undefined ? '-' : (one / other).toFixed(2);
  const cells = [
    ...metricNames.map((each) => (metrics[each] as number).toFixed(4).padStart(10)),
    `${effort.tried} points`.padStart(11),
    both.toFixed(0).padStart(7),
    ratio(effort.fit, als?.fit).padStart(18),
    ratio(both, als && als.tuning + als.fit).padStart(14),
  ];
  write(`  ${name.padEnd(16)}${cells.join('')}`);
}

function report(ours: FileTrial, theirs: PeerResult, repeats: boolean): void {
  const als = theirs['implicit ALS'] && effortOf(theirs['implicit ALS']);
  write(`${repeats ? 'The next purchases, repeats included' : 'New products only'}: ${ours.users} customers`);
  const headings = metricNames.map((name) => name.padStart(10)).join('');
  write(`  ${''.padEnd(16)}${headings}   tuned by   in s  last fit / ALS's  both / ALS's`);
  for (const [name, metrics] of Object.entries(ours.models)) {
    const [tried, tuning, fit] = [ours.tried[name]!, ours.tuningSeconds[name]!, ours.trainSeconds[name]!];
    writeLine(name === ours.chosen ? `${name} *` : name, { ...metrics }, { tried, tuning, fit }, als);
  }
  const options: Record<string, object> = { ...ours.parameters };
  for (const [name, metrics] of Object.entries(theirs)) {
    writeLine(name, metrics, effortOf(metrics), als);
    options[name] = metrics.options;
  }
  write(`  * chosen on validation. ${JSON.stringify(options)}`);
}

async function compare(folder: string, peers: Peers | undefined, repeats: boolean): Promise<void> {
  const algebra = openLinearAlgebra();
  const began = performance.now();
  const ours = await evaluateFiles({
    train: join(folder, 'train.csv'),
    test: join(folder, 'test.csv'),
    k: K,
    repeats,
    validation: 'temporal',
    algebra,
    clock: () => performance.now(),
  }).finally(() => algebra.close());
  const seconds = Math.round((performance.now() - began) / 1000);
  const effort = [ours.tried[ours.chosen], seconds].map(String);
  const args = [folder, repeats ? '1' : '0', String(K), ...effort];
  report(ours, peers?.run<PeerResult>('recommenders.py', args) ?? {}, repeats);
}

export async function run(): Promise<void> {
  const data = process.env['CUSTOMER_ANALYZER_DATA'];
  if (data === undefined) {
    process.stdout.write('SKIPPED: CUSTOMER_ANALYZER_DATA does not name the folder with online_retail/.\n');
    return;
  }
  const peers = Peers.prepare();
  const folder = mkdtempSync(join(tmpdir(), 'customer-analyzer-bench-'));
  try {
    const purchases = await readPurchases(join(data, 'online_retail/online_retail.csv.gz'));
    writeSplit(
      folder,
      'valid-',
      purchases.filter(({ time }) => time < TEST_FROM),
      VALIDATION_FROM,
      TEST_FROM,
    );
    writeSplit(folder, '', purchases, TEST_FROM, TEST_FROM + 31 * DAY_MS);
    for (const repeats of [true, false]) await compare(folder, peers, repeats);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
