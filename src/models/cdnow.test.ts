import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type FittedBgNbd, fitBgNbd } from './bg-nbd.ts';
import { type FittedGammaGamma, fitGammaGamma } from './gamma-gamma.ts';

const dataDir = process.env['CUSTOMER_ANALYZER_DATA'];

interface Cdnow {
  frequency: Float64Array;
  recency: Float64Array;
  T: Float64Array;
  /** Mean dollars of a repeat day. */
  monetaryValue: Float64Array;
  /** Days with purchases in the 39 weeks after the calibration. */
  later: Float64Array;
}

function dayNumber(text: string): number {
  return Date.UTC(+text.slice(0, 4), +text.slice(4, 6) - 1, +text.slice(6, 8)) / 86_400_000;
}

/** The 1/10 sample of Fader & Hardie, calibrated to 1997-09-30, in weeks; purchases of one day are one. */
function readCdnow(dir: string): Cdnow {
  const dollarsOf = new Map<string, Map<number, number>>();
  for (const line of readFileSync(join(dir, 'cdnow', 'CDNOW_sample.txt'), 'utf8')
    .trim()
    .split('\n')) {
    const [id, , date, , dollars] = line.trim().split(/\s+/) as [string, string, string, string, string];
    const days = dollarsOf.get(id) ?? new Map<number, number>();
    dollarsOf.set(id, days);
    days.set(dayNumber(date), (days.get(dayNumber(date)) ?? 0) + Number(dollars));
  }
  const end = dayNumber('19970930');
  const rows = [...dollarsOf.values()].map((days) => {
    const all = [...days.keys()].sort((i, j) => i - j);
    const calibration = all.filter((day) => day <= end);
    const repeats = calibration.slice(1);
    return {
      frequency: repeats.length,
      recency: (calibration.at(-1)! - calibration[0]!) / 7,
      T: (end - calibration[0]!) / 7,
      monetaryValue: repeats.reduce((sum, day) => sum + days.get(day)!, 0) / Math.max(1, repeats.length),
      later: all.length - calibration.length,
    };
  });
  const column = (name: keyof Cdnow) => Float64Array.from(rows, (row) => row[name]);
  return {
    frequency: column('frequency'),
    recency: column('recency'),
    T: column('T'),
    monetaryValue: column('monetaryValue'),
    later: column('later'),
  };
}

describe.skipIf(!dataDir)('BG/NBD on the CDNOW sample, as published (needs CUSTOMER_ANALYZER_DATA)', () => {
  // In beforeAll: the body of a skipped describe runs nevertheless.
  let data: Cdnow;
  let model: FittedBgNbd;
  beforeAll(() => {
    data = readCdnow(dataDir as string);
    model = fitBgNbd(data);
  });

  it('has the parameters and log-likelihood of Fader, Hardie & Lee (2005), table 2', () => {
    expect(data.frequency.length).toBe(2357);
    expect(model.parameters.r).toBeCloseTo(0.24259, 4);
    expect(model.parameters.alpha).toBeCloseTo(4.4136, 3);
    expect(model.parameters.a).toBeCloseTo(0.79292, 3);
    expect(model.parameters.b).toBeCloseTo(2.42589, 3);
    expect(model.diagnostics.logLikelihood).toBeCloseTo(-9582.43, 2);
    expect(model.diagnostics.gradientNorm).toBeLessThanOrEqual(1e-8);
  });

  it('expects of single customers what was published for them', () => {
    expect(model.expectedPurchases(52, 26, 30.857, 31)).toBeCloseTo(25.757, 3);
    expect(model.probabilityAlive(26, 30.857, 31)).toBeCloseTo(0.96885, 5);
    expect(model.expectedPurchases(39, 2, 30.43, 38.86)).toBeCloseTo(1.226, 3);
    expect(model.probabilityOfPurchase(39, 2, 30.43, 38.86)).toBeCloseTo(0.5546, 4);
    expect(model.probabilityOfPurchase(30 / 7, 0, 0, 38.86)).toBeCloseTo(0.02265, 5);
  });

  it('expects by past frequency what figure 4 of the paper shows for the hold-out', () => {
    const sums = new Float64Array(8);
    const counts = new Float64Array(8);
    data.frequency.forEach((x, i) => {
      const group = Math.min(7, x);
      counts[group]! += 1;
      sums[group]! += model.expectedPurchases(39, x, data.recency[i]!, data.T[i]!);
    });
    const means = [...sums].map((sum, group) => Math.round((1000 * sum) / counts[group]!) / 1000);
    expect(means).toEqual([0.225, 0.523, 1.044, 1.52, 2.164, 2.654, 3.504, 6.157]);
  });

  it('comes nearer to the hold-out of all customers than their own past rate does', () => {
    const later = data.later.reduce((sum, n) => sum + n, 0);
    let ofModel = 0;
    let ofRate = 0;
    data.frequency.forEach((x, i) => {
      ofModel += model.expectedPurchases(39, x, data.recency[i]!, data.T[i]!);
      ofRate += (39 * x) / data.T[i]!;
    });
    expect(Math.abs(ofModel / later - 1)).toBeLessThan(0.15);
    expect(Math.abs(ofRate / later - 1)).toBeGreaterThan(0.3);
  });

  it('is the same fit in days as in weeks, and with equal customers as weights', () => {
    const days = fitBgNbd({
      frequency: data.frequency,
      recency: data.recency.map((t) => 7 * t),
      T: data.T.map((t) => 7 * t),
    });
    expect(days.parameters.alpha / 7).toBeCloseTo(model.parameters.alpha, 4);
    expect(days.parameters.a).toBeCloseTo(model.parameters.a, 4);
    const doubled = fitBgNbd({ ...data, weight: new Float64Array(2357).fill(2) });
    expect(doubled.parameters.r).toBeCloseTo(model.parameters.r, 6);
    expect(doubled.diagnostics.logLikelihood).toBeCloseTo(2 * model.diagnostics.logLikelihood, 4);
  });

  it('repeats itself to the bit', () => {
    expect(JSON.stringify(fitBgNbd(data))).toBe(JSON.stringify(model));
  });
});

describe.skipIf(!dataDir)(
  'Gamma-Gamma on the CDNOW sample, as published (needs CUSTOMER_ANALYZER_DATA)',
  () => {
    let data: Cdnow;
    let model: FittedGammaGamma;
    beforeAll(() => {
      data = readCdnow(dataDir as string);
      model = fitGammaGamma(data);
    });

    it("has the parameters and log-likelihood of Fader & Hardie's note on 946 repeat customers", () => {
      expect(model.diagnostics.customers).toBe(946);
      expect(model.parameters.p).toBeCloseTo(6.25, 2);
      expect(model.parameters.q).toBeCloseTo(3.74, 2);
      expect(Math.abs(model.parameters.gamma - 15.44)).toBeLessThan(0.01);
      expect(model.diagnostics.logLikelihood).toBeCloseTo(-4055.92, 2);
      expect(model.diagnostics.meanTied).toBe(false);
    });

    it('expects of the first ten customers what was published for them', () => {
      const published = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17];
      published.forEach((spend, i) => {
        expect(model.expectedSpend(data.frequency[i]!, data.monetaryValue[i]!)).toBeCloseTo(spend, 1);
      });
      expect(model.diagnostics.populationMean).toBeCloseTo(35.17, 2);
    });
  },
);
