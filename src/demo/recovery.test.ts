import { describe, expect, it } from 'vitest';
import { fitBgNbd } from '../models/bg-nbd.ts';
import { fitGammaGamma } from '../models/gamma-gamma.ts';
import { Random } from '../models/random.ts';
import { drawOrders } from './order-process.ts';
import { defaultBehaviour } from './parameters.ts';
import { type DemoShop, openDemoShop } from './simulate.ts';

const truth = { ...defaultBehaviour.orders, ...defaultBehaviour.spend };

type Found = Partial<typeof truth>;

/** Each tolerance is 3 standard errors, from the spread of the estimates over 12 seeds. */
function expectRecovered(found: Found, tolerances: Found): void {
  for (const [name, tolerance] of Object.entries(tolerances) as [keyof Found, number][]) {
    expect(Math.abs(found[name]! - truth[name]), `${name} = ${found[name]}`).toBeLessThan(tolerance);
  }
}

/** Frequency, recency and T in weeks, and the mean spend of a repeat day, made of the purchase events as scoring does. */
function summarize(shop: DemoShop) {
  const { customers, days } = shop.options;
  const [frequency, recency, T, monetaryValue] = [0, 1, 2, 3].map(() => new Float64Array(customers)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (let i = 0; i < customers; i++) {
    const spendByDay = new Map<number, number>();
    for (const { type, at, properties } of shop.history(shop.person(i))) {
      if (type !== 'purchase') continue;
      const day = Math.floor((at - shop.startsAt) / 86_400_000);
      const paid = (properties['quantity'] as number) * (properties['unit_price'] as number);
      spendByDay.set(day, (spendByDay.get(day) ?? 0) + paid);
    }
    const [firstDay, lastDay] = [[...spendByDay.keys()][0]!, [...spendByDay.keys()].at(-1)!];
    const repeats = [...spendByDay.values()].slice(1);
    frequency[i] = repeats.length;
    recency[i] = (lastDay - firstDay) / 7;
    T[i] = (days - 1 - firstDay) / 7;
    monetaryValue[i] = repeats.length === 0 ? 0 : repeats.reduce((sum, x) => sum + x, 0) / repeats.length;
  }
  return { frequency, recency, T, monetaryValue };
}

describe.each([1, 2, 3])("the generator's parameters come back (seed %i)", (seed) => {
  it('of 20,000 order processes in continuous time', () => {
    const count = 20_000;
    const [frequency, recency, T] = [0, 1, 2].map(() => new Float64Array(count)) as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    for (let i = 0; i < count; i++) {
      const random = Random.fromSeed(seed, `recovery ${i}`);
      const entry = random.uniform() * 300;
      const { times } = drawOrders(random, defaultBehaviour.orders, entry, 540);
      frequency[i] = times.length - 1;
      recency[i] = (times.at(-1)! - entry) / 7;
      T[i] = (540 - entry) / 7;
    }
    expectRecovered(fitBgNbd({ frequency, recency, T }).parameters, {
      r: 0.026,
      alpha: 0.45,
      a: 0.1,
      b: 0.4,
    });
  });

  it('of the events of 6,000 customers, with days as the unit of time', () => {
    const shop = openDemoShop({ customers: 6000, products: 300, days: 540, seed, lastDay: '2026-06-30' });
    const histories = summarize(shop);
    expectRecovered(fitBgNbd(histories).parameters, { r: 0.05, alpha: 0.8, a: 0.15, b: 0.6 });
    expectRecovered(fitGammaGamma(histories).parameters, { p: 1.1, q: 0.4, gamma: 6.5 });
  });
});
