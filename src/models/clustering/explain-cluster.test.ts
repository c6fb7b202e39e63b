import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { nameClusters } from './cluster-names.ts';
import { fitClusters } from './clustering.ts';
import { explainClusters } from './explain-cluster.ts';
import { featureWords } from './feature-words.ts';
import { fitStandardiseLog } from './standardise-log.ts';

/** Numbers of a thousand and more part their digits by a no-break space in Russian. */
function plain(text: string): string {
  return text.replaceAll('\u00a0', ' ');
}

describe('featureWords', () => {
  it.each([
    ['recency_days', null, 30, 'bought in the last 30 days', 'покупали в последние 30 дней'],
    ['recency_days', null, 21, 'bought in the last 21 days', 'покупали в последний 21 день'],
    ['recency_days', null, 1, 'bought in the last day', 'покупали в последний день'],
    ['recency_days', null, 0, 'bought today', 'покупали сегодня'],
    ['recency_days', 90, null, 'no purchase for more than 90 days', 'не покупали больше 90 дней'],
    ['recency_days', 30, 90, 'last bought 31 to 90 days ago', 'последняя покупка от 31 до 90 дней назад'],
    ['orders', 5, null, 'more than 5 orders', 'больше 5 заказов'],
    ['orders', 1, null, 'more than 1 order', 'больше 1 заказа'],
    ['orders', 21, null, 'more than 21 orders', 'больше 21 заказа'],
    ['orders', 11, null, 'more than 11 orders', 'больше 11 заказов'],
    ['orders', 2.5, null, 'more than 2.5 orders', 'больше 2,5 заказа'],
    ['orders', 0, null, 'at least 1 order', 'не меньше 1 заказа'],
    ['orders', null, 3, 'at most 3 orders', 'не больше 3 заказов'],
    ['orders', 2, 5, '3 to 5 orders', 'от 3 до 5 заказов'],
    ['orders', 2, 3, '3 orders', '3 заказа'],
    ['orders', 1.5, 3, 'more than 1.5 and at most 3 orders', 'больше 1,5, но не больше 3 заказов'],
    ['frequency', 0, 1, '1 repeat purchase', '1 повторная покупка'],
    ['frequency', 1, null, 'more than 1 repeat purchase', 'больше 1 повторной покупки'],
    ['monetary', 500, null, 'spends over 500', 'тратят больше 500'],
    ['monetary', null, 1500, 'spends at most 1,500', 'тратят не больше 1 500'],
    ['monetary', 99.5, 200, 'spends 99.5 to 200', 'тратят от 99,5 до 200'],
    ['average_order_value', 40, null, 'average order over 40', 'средний чек больше 40'],
    ['tenure_days', 365, null, 'customer for more than 365 days', 'с нами больше 365 дней'],
    ['views_30d', null, 0, 'no views in 30 days', 'без просмотров за 30 дней'],
    ['views_7d', 21, null, 'more than 21 views in 7 days', 'больше 21 просмотра за 7 дней'],
    ['views_1d', 2, null, 'more than 2 views in 1 day', 'больше 2 просмотров за день'],
    ['carts_90d', 1, 3, '2 to 3 cart additions in 90 days', 'от 2 до 3 добавлений в корзину за 90 дней'],
    ['mean_gap_days', null, 14, 'at most 14 days between purchases', 'не больше 14 дней между покупками'],
    ['loyalty_score', 0.5, null, 'loyalty score over 0.5', 'loyalty score больше 0,5'],
    ['loyalty_30d', 3, null, 'loyalty 30d over 3', 'loyalty 30d больше 3'],
  ])('says %s above %s and at most %s', (feature, above, atMost, en, ru) => {
    const words = featureWords(feature).range(above, atMost);
    expect([words.en, plain(words.ru)]).toEqual([en, ru]);
  });

  it('knows what is counted in days', () => {
    const features = ['recency_days', 'tenure_days', 'idle_days', 'orders', 'views_30d', 'monetary'];
    expect(features.filter((name) => featureWords(name).inDays)).toEqual([
      'recency_days',
      'tenure_days',
      'idle_days',
    ]);
  });
});

describe('nameClusters', () => {
  const features = ['recency_days', 'orders', 'monetary'];

  it('says what stands out, in the order of the features', () => {
    const names = nameClusters(features, [
      [-1, 2, 1.5],
      [0.9, -0.6, 0.2],
      [0.05, 0, 0.02],
    ]);
    expect(names.map(({ en }) => en)).toEqual([
      'Recent, frequent, high value',
      'Lapsed, infrequent',
      'Average',
    ]);
    expect(names.map(({ ru }) => ru)).toEqual([
      'Недавние, частые, с большими тратами',
      'Давно не покупали, редкие',
      'Средние',
    ]);
  });

  it('says more where two would have one name, and counts where words do not help', () => {
    const [first, second] = nameClusters(features, [
      [-1, 0.3, 0],
      [-1, 0, 0.3],
    ]);
    expect([first!.en, second!.en]).toEqual(['Recent, frequent', 'Recent, high value']);
    const same = nameClusters(features, [
      [-1, 0, 0],
      [-1, 0, 0],
      [-1, 0, 0],
    ]);
    expect(same.map(({ ru }) => ru)).toEqual(['Недавние', 'Недавние 2', 'Недавние 3']);
  });

  it('does not say one word twice', () => {
    expect(nameClusters(['orders', 'frequency'], [[1, 1.2]])[0]!.en).toBe('Frequent');
  });

  it('never gives one name to two, in either language', () => {
    const value = fc.constantFrom(-1, -0.4, -0.2, 0, 0.2, 0.4, 1);
    const profile = fc.array(value, { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(fc.array(profile, { minLength: 1, maxLength: 12 }), (profiles) => {
        const names = nameClusters(features, profiles);
        expect(new Set(names.map(({ en }) => en)).size).toBe(profiles.length);
        expect(new Set(names.map(({ ru }) => ru)).size).toBe(profiles.length);
      }),
    );
  });
});

/** Regulars who bought lately and people of one old order, and a few like nobody else. */
function shop(rowsEach: number, odd: number) {
  const random = Random.fromSeed(3);
  const rows: number[][] = [];
  for (let i = 0; i < rowsEach; i++)
    rows.push([random.integer(28), 7 + random.integer(6), 700 + 300 * random.uniform()]);
  for (let i = 0; i < rowsEach; i++)
    rows.push([200 + random.integer(60), 1 + random.integer(2), 20 + 20 * random.uniform()]);
  for (let i = 0; i < odd; i++) rows.push([10 ** (3 + i), 10 ** (3 + i), 1e9 * 10 ** i]);
  const names = ['recency_days', 'orders', 'monetary'];
  return {
    names,
    rows: rows.length,
    columns: names.map((_, f) => Float64Array.from(rows, (row) => row[f]!)),
  };
}

describe('explainClusters', () => {
  it('puts clusters into words with sizes, profile and the fidelity of the rule', () => {
    const matrix = shop(500, 0);
    const clustering = fitClusters(matrix, { algorithm: 'k-means', seed: 1 });
    const assigned = clustering.assign(matrix);
    const { clusters, treeAccuracy } = explainClusters(matrix, assigned, clustering.standardisation);
    expect(treeAccuracy).toBe(1);
    expect(clusters).toHaveLength(2);
    const regulars = clusters.find(({ cluster }) => cluster === assigned[0])!;
    const others = clusters.find(({ cluster }) => cluster !== assigned[0])!;
    expect(regulars).toMatchObject({
      rows: 500,
      share: 0.5,
      name: { en: 'Recent, frequent, high value', ru: 'Недавние, частые, с большими тратами' },
      rule: { precision: 1, recall: 1 },
    });
    expect(regulars.rule.conditions.length).toBeGreaterThan(0);
    expect(regulars.description.en).toMatch(/^(bought in the last|more than|spends over) /);
    expect(regulars.description.ru).toMatch(/^(покупали в последние|больше|тратят больше) /);
    expect(others.name).toEqual({
      en: 'Lapsed, infrequent, low value',
      ru: 'Давно не покупали, редкие, с небольшими тратами',
    });
    const orders = regulars.profile.find(({ feature }) => feature === 'orders')!;
    expect(orders.deviation).toBeGreaterThan(0.5);
    expect(orders.typical).toBeGreaterThan(7);
    expect(orders.typical).toBeLessThan(12);
  });

  it('calls noise noise', () => {
    const matrix = shop(300, 3);
    const clustering = fitClusters(matrix, { algorithm: 'dbscan', seed: 1, epsilon: 0.8 });
    const { clusters } = explainClusters(matrix, clustering.assign(matrix), clustering.standardisation);
    expect(clusters.map(({ cluster }) => cluster)).toEqual([0, 1, 2]);
    expect(clusters[0]).toMatchObject({
      rows: 3,
      name: { en: 'Unlike the rest', ru: 'Не похожие на остальных' },
      description: { en: 'fit no group', ru: 'не подходят ни к одной группе' },
    });
  });

  it('does not claim more than the rule holds', () => {
    const matrix = {
      names: ['orders'],
      rows: 400,
      columns: [Float64Array.from({ length: 400 }, (_, i) => i % 4)],
    };
    const standardisation = fitStandardiseLog(matrix);
    // Of those with 3 orders the given share is cluster 1, and nobody else is.
    const describedAt = (share: number) => {
      const clusters = Int32Array.from({ length: 400 }, (_, i) => (i % 4 === 3 && i < 400 * share ? 1 : 2));
      return explainClusters(matrix, clusters, standardisation).clusters[0]!.description;
    };
    expect(describedAt(1)).toEqual({ en: 'more than 2 orders', ru: 'больше 2 заказов' });
    expect(describedAt(0.6)).toEqual({
      en: 'mostly: more than 2 orders',
      ru: 'в основном: больше 2 заказов',
    });
    expect(describedAt(0.3)).toEqual({
      en: 'no simple rule, nearest: more than 2 orders',
      ru: 'простого правила нет, ближе всего: больше 2 заказов',
    });
  });

  it('says so of all customers, and of clusters that no feature tells apart', () => {
    const matrix = { names: ['orders'], rows: 4, columns: [Float64Array.of(1, 1, 1, 1)] };
    const standardisation = fitStandardiseLog(matrix);
    const described = (clusters: number[]) =>
      explainClusters(matrix, Int32Array.from(clusters), standardisation).clusters.map(
        ({ description }) => description,
      );
    expect(described([1, 1, 1, 1])).toEqual([{ en: 'all customers', ru: 'все покупатели' }]);
    expect(described([1, 1, 2, 2])[1]!.en).toBe('no simple rule sets them apart');
    for (const wrong of [[1], [1, 1, 1, -1]]) {
      expect(() => described(wrong)).toThrowError(expect.objectContaining({ code: 'MODEL_BAD_INPUT' }));
    }
  });
});
