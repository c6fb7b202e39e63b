import { describe, expect, it } from 'vitest';
import { bgNbdFromJSON } from './bg-nbd.ts';
import { mbgNbdFromJSON } from './mbg-nbd.ts';
import { paretoNbdFromJSON } from './pareto-nbd.ts';
import { addNegativeBinomial, PurchaseCounts } from './purchase-counts.ts';
import type { PurchaseModel } from './purchase-model.ts';
import { Random } from './random.ts';

const version = 1;
const diagnostics = {};
const bgNbd = (r: number, alpha: number, a: number, b: number) =>
  bgNbdFromJSON({ model: 'bg-nbd', version, parameters: { r, alpha, a, b }, diagnostics });
const mbgNbd = (r: number, alpha: number, a: number, b: number) =>
  mbgNbdFromJSON({ model: 'mbg-nbd', version, parameters: { r, alpha, a, b }, diagnostics });
const paretoNbd = (r: number, alpha: number, s: number, beta: number) =>
  paretoNbdFromJSON({ model: 'pareto-nbd', version, parameters: { r, alpha, s, beta }, diagnostics });

const tail = 1e-12;
const digits = (value: number, count: number) => Number(value.toPrecision(count));

describe('probabilities of counts, as published', () => {
  it('BG/NBD: the R package BTYD, bgnbd.pmf, as cited in the tests of lifetimes', () => {
    const model = bgNbd(0.243, 4.414, 0.793, 2.426);
    expect(digits(model.purchaseCountDistribution(2, 0, 0, 0, tail)[10]!, 6)).toBe(1.07869e-7);
    expect(digits(model.purchaseCountDistribution(39, 0, 0, 0, tail)[0]!, 7)).toBe(0.5737864);
    const from11to20 = [...model.purchaseCountDistribution(30, 0, 0, 0, tail).slice(11, 21)];
    expect(from11to20.map((value) => Math.round(value * 1e10) / 1e10)).toEqual([
      0.0019995214, 0.0015170236, 0.001163315, 0.0009003148, 0.0007023638, 0.0005517902, 0.0004361913,
      0.0003467171, 0.0002769613, 0.000222226,
    ]);
  });

  it('MBG/NBD: lifetimes 0.11.3, ModifiedBetaGeoFitter.probability_of_n_purchases_up_to_time', () => {
    const counts = mbgNbd(0.525, 6.183, 0.891, 1.614).purchaseCountDistribution(39, 0, 0, 0, tail);
    const published = [
      [0, 0.5824731894932891],
      [1, 0.18278307728754056],
      [2, 0.08689482567349055],
      [5, 0.01938732355357039],
    ] as const;
    for (const [n, probability] of published) expect(counts[n]! / probability).toBeCloseTo(1, 12);
  });

  it('Pareto/NBD with a history: lifetimes 0.11.3, eq. (16) of Fader & Hardie (2014)', () => {
    const model = paretoNbd(0.5534, 10.5802, 0.6061, 11.6562);
    const published = [
      [
        [2, 30.43, 38.86],
        [0.4080952823591622, 0.21926521337599167, 0.15174605207559397],
      ],
      [
        [0, 0, 38.86],
        [0.9307542802165345, 0.04586796967054999, 0.014670434020830861],
      ],
      [
        [26, 30.86, 31],
        [0.02382164472242264, 0.02052722070727349, 0.019422073329247145],
      ],
    ] as const;
    for (const [[x, tx, T], probabilities] of published) {
      const counts = model.purchaseCountDistribution(39, x, tx, T, tail);
      probabilities.forEach((probability, n) => {
        expect(counts[n]! / probability).toBeCloseTo(1, 11);
      });
    }
  });

  it('Pareto/NBD of a newcomer: the parameters of the BTYD manual, the integral in 20 digits (mpmath)', () => {
    const model = paretoNbd(0.55, 10.56, 0.61, 11.64);
    expect(model.purchaseCountDistribution(39, 0, 0, 0, tail)[0]!).toBeCloseTo(0.5959380695979201, 13);
    const counts = model.purchaseCountDistribution(30, 0, 0, 0, tail);
    expect(counts[11]! / 0.001889941473).toBeCloseTo(1, 9);
    expect(counts[20]! / 0.000090937347).toBeCloseTo(1, 7);
  });
});

describe('probabilities of counts at the edges', () => {
  const models: [string, PurchaseModel][] = [
    ['bg-nbd', bgNbd(0.24, 4.4, 0.79, 2.43)],
    ['mbg-nbd', mbgNbd(0.525, 6.18, 0.89, 1.61)],
    ['pareto-nbd', paretoNbd(0.55, 10.6, 0.61, 11.7)],
  ];

  it.each(models)('%s: ten thousand purchases, newcomers, horizons of years', (_, model) => {
    const rows = [
      [10_000, 51.99, 52],
      [10_000, 1e-9, 1e-9],
      [0, 0, 0],
      [1, 1e-9, 1e-9],
    ] as const;
    for (const [x, tx, T] of rows) {
      for (const horizon of [1e-9, 52, 520]) {
        const counts = model.purchaseCountDistribution(horizon, x, tx, T, 1e-10);
        const sum = counts.reduce((total, p) => total + p, 0);
        expect(Math.abs(sum - 1)).toBeLessThan(1e-9);
        expect(1 - counts[0]!).toBeCloseTo(model.probabilityOfPurchase(horizon, x, tx, T), 9);
        const mean = counts.reduce((total, p, n) => total + n * p, 0);
        const expected = model.expectedPurchases(horizon, x, tx, T);
        expect(Math.abs(mean - expected)).toBeLessThan(1e-6 * expected + 1e-9);
      }
    }
  });

  it('without dropout all three are the negative binomial', () => {
    const counts = new PurchaseCounts();
    addNegativeBinomial(counts, 1, 0.6 + 3, 52 / (5 + 30), tail);
    const nbd = counts.values.slice(0, counts.length);
    const near0 = 1e-12;
    for (const model of [
      bgNbd(0.6, 5, near0, 1),
      mbgNbd(0.6, 5, near0, 1),
      paretoNbd(0.6, 5, near0, 1),
      paretoNbd(0.6, 5, 1, 1e14),
    ]) {
      const own = model.purchaseCountDistribution(52, 3, 20, 30, tail);
      for (let n = 0; n < own.length; n++) expect(Math.abs(own[n]! - nbd[n]!)).toBeLessThan(1e-10);
    }
  });

  it('holds a negative binomial against its simulation, and where its P(0) underflows', () => {
    const counts = new PurchaseCounts();
    addNegativeBinomial(counts, 1, 2.5, 1.5, 1e-9);
    const random = Random.fromSeed(4, 'negative binomial');
    const seen = new Float64Array(6);
    for (let i = 0; i < 40_000; i++) {
      const n = random.poisson(1.5 * random.gamma(2.5));
      if (n < 6) seen[n]! += 1;
    }
    for (let n = 0; n < 6; n++) {
      const p = counts.values[n]!;
      expect(Math.abs(seen[n]! / 40_000 - p)).toBeLessThan(3.5 * Math.sqrt((p * (1 - p)) / 40_000));
    }
    counts.clear();
    expect(counts.values.every((value) => value === 0)).toBe(true);
    addNegativeBinomial(counts, 0.5, 20_000, 2, 1e-9);
    expect(counts.values[0]).toBe(0);
    let [sum, mean] = [0, 0];
    for (let n = 0; n < counts.length; n++) {
      sum += counts.values[n]!;
      mean += n * counts.values[n]!;
    }
    expect(sum).toBeCloseTo(0.5, 8);
    expect(mean / sum / 40_000).toBeCloseTo(1, 8);
  });
});
