import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type FittedBgNbd, fitBgNbd } from './bg-nbd.ts';
import { type FittedGammaGamma, fitGammaGamma } from './gamma-gamma.ts';
import { type FittedMbgNbd, fitMbgNbd } from './mbg-nbd.ts';
import { comparePurchaseModels } from './model-comparison.ts';
import { type FittedParetoNbd, fitParetoNbd, paretoNbdFromJSON } from './pareto-nbd.ts';
import type { PurchaseModel } from './purchase-model.ts';
import { revenueIntervals } from './revenue-interval.ts';
import { drawRepresentatives, totalRevenueInterval } from './total-revenue.ts';

const dataDir = process.env['CUSTOMER_ANALYZER_DATA'];

interface Cdnow {
  frequency: Float64Array;
  recency: Float64Array;
  T: Float64Array;
  /** Mean dollars of a repeat day. */
  monetaryValue: Float64Array;
  /** Days with purchases in the 39 weeks after the calibration. */
  later: Float64Array;
  /** Dollars of those days. */
  laterDollars: Float64Array;
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
      laterDollars: all.slice(calibration.length).reduce((sum, day) => sum + days.get(day)!, 0),
    };
  });
  const column = (name: keyof Cdnow) => Float64Array.from(rows, (row) => row[name]);
  return {
    frequency: column('frequency'),
    recency: column('recency'),
    T: column('T'),
    monetaryValue: column('monetaryValue'),
    later: column('later'),
    laterDollars: column('laterDollars'),
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

/** Expected purchases in the 39 weeks after the calibration against what came, over all customers. */
function predictedOverActual(model: PurchaseModel, { frequency, recency, T, later }: Cdnow): number {
  const expected = frequency.reduce(
    (sum, x, i) => sum + model.expectedPurchases(39, x, recency[i]!, T[i]!),
    0,
  );
  return expected / later.reduce((sum, n) => sum + n, 0);
}

describe.skipIf(!dataDir)(
  'Pareto/NBD on the CDNOW sample, as published (needs CUSTOMER_ANALYZER_DATA)',
  () => {
    let data: Cdnow;
    let model: FittedParetoNbd;
    beforeAll(() => {
      data = readCdnow(dataDir as string);
      model = fitParetoNbd(data);
    });
    const published = { r: 0.55315, alpha: 10.57633, s: 0.60625, beta: 11.6715 };

    it('has the parameters and log-likelihood of the BTYD vignette, and no lower a maximum', () => {
      for (const [name, value] of Object.entries(published)) {
        expect(Math.abs(model.parameters[name as keyof typeof published] / value - 1)).toBeLessThan(3e-4);
      }
      expect(model.diagnostics.logLikelihood).toBeCloseTo(-9594.976, 3);
      const atPublished = paretoNbdFromJSON({ ...model.toJSON(), parameters: published });
      const sum = atPublished.logLikelihoods(data).reduce((total, value) => total + value, 0);
      expect(sum).toBeLessThan(model.diagnostics.logLikelihood);
      expect(sum).toBeCloseTo(model.diagnostics.logLikelihood, 4);
    });

    it('expects of single customers what was published for them', () => {
      // Published at the published parameters, whose last digits show in the fifth digit here.
      expect(Math.abs(model.expectedPurchases(52, 26, 30.857, 31) - 25.456)).toBeLessThan(0.001);
      expect(model.probabilityAlive(26, 30.857, 31)).toBeCloseTo(0.99787, 5);
      expect(model.probabilityOfPurchase(39, 2, 30.43, 38.86)).toBeCloseTo(0.5919, 4);
      expect(model.probabilityOfPurchase(30 / 7, 0, 0, 38.86)).toBeCloseTo(0.01295, 5);
    });

    it('comes near to the hold-out of all customers', () => {
      expect(Math.abs(predictedOverActual(model, data) - 1)).toBeLessThan(0.15);
    });
  },
);

describe.skipIf(!dataDir)('MBG/NBD on the CDNOW sample, as published (needs CUSTOMER_ANALYZER_DATA)', () => {
  let data: Cdnow;
  let model: FittedMbgNbd;
  beforeAll(() => {
    data = readCdnow(dataDir as string);
    model = fitMbgNbd(data);
  });

  it('has the parameters and log-likelihood of Batislam, Denizel & Filiztekin (2007) and of lifetimes', () => {
    expect(model.parameters.r).toBeCloseTo(0.525, 3);
    expect(model.parameters.alpha).toBeCloseTo(6.183, 3);
    expect(model.parameters.a).toBeCloseTo(0.891, 3);
    expect(model.parameters.b).toBeCloseTo(1.614, 3);
    expect(model.diagnostics.logLikelihood).toBeCloseTo(-9582.136, 3);
  });

  it('counts one-time buyers as gone with time, and comes near to the hold-out', () => {
    const { a, b } = model.parameters;
    expect(model.probabilityAlive(0, 0, 0)).toBeCloseTo(b / (a + b), 14);
    expect(model.probabilityAlive(0, 0, 38.86)).toBeLessThan(0.5);
    expect(Math.abs(predictedOverActual(model, data) - 1)).toBeLessThan(0.2);
  });
});

describe.skipIf(!dataDir)(
  'the three models of purchases on the CDNOW sample (needs CUSTOMER_ANALYZER_DATA)',
  () => {
    let data: Cdnow;
    let models: PurchaseModel[];
    beforeAll(() => {
      data = readCdnow(dataDir as string);
      models = [fitBgNbd(data), fitMbgNbd(data), fitParetoNbd(data)];
    });

    it('have standard errors, all of a well-conditioned maximum', () => {
      for (const { parameters, diagnostics } of models) {
        expect(diagnostics.hessianPositiveDefinite).toBe(true);
        expect(diagnostics.conditionNumber).toBeLessThan(1000);
        const relative = Object.entries(diagnostics.standardErrors).map(
          ([name, error]) => error! / parameters[name]!,
        );
        for (const share of relative) {
          expect(share).toBeGreaterThan(0.01);
          expect(share).toBeLessThan(0.6);
        }
      }
    });

    it('are ranked by BIC, with what Vuong says of the distance', () => {
      const ranked = comparePurchaseModels(models, data);
      expect(ranked.map(({ model }) => model)).toEqual(['mbg-nbd', 'bg-nbd', 'pareto-nbd']);
      const [best, second, third] = ranked;
      expect(best!.bic).toBeCloseTo(2 * 9582.136 + 4 * Math.log(2357), 2);
      // Three tenths of a unit of log-likelihood are nothing.
      expect(second!.vuong!.pValue).toBeGreaterThan(0.05);
      expect(third!.vuong!.statistic).toBeGreaterThan(0);
    });
  },
);

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
      expect(model.diagnostics.hessianPositiveDefinite).toBe(true);
      const sum = model.logLikelihoods(data).reduce((total, value) => total + value, 0);
      expect(sum).toBeCloseTo(model.diagnostics.logLikelihood, 8);
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

/** The central interval of counts: its ends, and the probability that it holds, which is more than the level. */
function countInterval(counts: Float64Array, level: number): { from: number; to: number; mass: number } {
  const outside = (1 - level) / 2;
  let [below, from] = [0, -1];
  for (let n = 0, start = 0; ; n++) {
    if (from < 0 && below + counts[n]! >= outside) [from, start] = [n, below];
    below += counts[n]!;
    if (below >= 1 - outside || n === counts.length - 1) return { from, to: n, mass: below - start };
  }
}

describe.skipIf(!dataDir)(
  'intervals of 39 weeks on the CDNOW sample against the hold-out (needs CUSTOMER_ANALYZER_DATA)',
  () => {
    let data: Cdnow;
    let models: PurchaseModel[];
    let spend: FittedGammaGamma;
    beforeAll(() => {
      data = readCdnow(dataDir as string);
      models = [fitBgNbd(data), fitMbgNbd(data), fitParetoNbd(data)];
      spend = fitGammaGamma(data);
    });

    /*
     * Found against what each model says of its own intervals (which hold more than 80 %, by the jumps of a count and by the
     * customers whose most likely revenue is none), level 0.8, counts and dollars: BG/NBD 92.8 (94.4) and 89.0 (90.0) %, MBG/NBD
     * 92.8 (94.7) and 87.7 (90.0) %, Pareto/NBD 88.9 (92.0) and 86.8 (90.8) %. What is missing came above: a hold-out with
     * Christmas in it, of which a year's first three quarters know nothing.
     */
    it.each([0.5, 0.8, 0.95])('of level %d hold a single customer nearly as often as they say', (level) => {
      const outside = (1 - level) / 2;
      for (const model of models) {
        const interval = revenueIntervals(model, spend, 39, { level });
        const share = { counts: 0, countsSaid: 0, dollars: 0, dollarsSaid: 0 };
        data.frequency.forEach((x, i) => {
          const [tx, T, later, dollars] = [
            data.recency[i]!,
            data.T[i]!,
            data.later[i]!,
            data.laterDollars[i]!,
          ];
          const counts = model.purchaseCountDistribution(39, x, tx, T);
          const { from, to, mass } = countInterval(counts, level);
          const { lower, upper } = interval(x, tx, T, x, data.monetaryValue[i]!);
          share.counts += (later >= from && later <= to ? 1 : 0) / 2357;
          share.countsSaid += mass / 2357;
          share.dollars += (dollars >= lower && dollars <= upper ? 1 : 0) / 2357;
          share.dollarsSaid += (Math.max(counts[0]!, 1 - outside) - (lower > 0 ? outside : 0)) / 2357;
        });
        expect(share.countsSaid).toBeGreaterThan(level);
        expect(Math.abs(share.counts - share.countsSaid)).toBeLessThan(0.05);
        expect(Math.abs(share.dollars - share.dollarsSaid)).toBeLessThan(0.06);
      }
    });

    it('of the total do not hold what the model itself does not know: the total came above all three', () => {
      const came = data.laterDollars.reduce((sum, dollars) => sum + dollars, 0);
      const { frequency, recency, T, monetaryValue: meanSpend } = data;
      for (const model of models) {
        const expectedRevenue = frequency.map(
          (x, i) =>
            model.expectedPurchases(39, x, recency[i]!, T[i]!) * spend.expectedSpend(x, meanSpend[i]!),
        );
        const { rows, ...sample } = drawRepresentatives(expectedRevenue);
        const pick = (column: Float64Array) => Float64Array.from(rows, (row) => column[row]!);
        const total = totalRevenueInterval(model, spend, 39, {
          frequency: pick(frequency),
          recency: pick(recency),
          T: pick(T),
          spendFrequency: pick(frequency),
          meanSpend: pick(meanSpend),
          expectedRevenue: pick(expectedRevenue),
          ...sample,
        })!;
        // 54,809 to 65,313 by BG/NBD, of which 2,642 are the parameters' standard deviation and 3,128 the outcomes'; 70,976 came.
        expect(total.upper / total.expected).toBeGreaterThan(1.05);
        expect(total.upper / total.expected).toBeLessThan(1.2);
        expect(came).toBeGreaterThan(total.upper);
        expect(came).toBeLessThan(1.25 * total.expected);
      }
    });
  },
);
