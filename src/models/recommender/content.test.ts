import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { contentShare, contentVectors, normaliseWord, type ProductContent } from './content.ts';
import { contentNeighbours } from './content-neighbours.ts';

const product = (name: string, more: Partial<ProductContent> = {}): ProductContent => ({
  name,
  category: null,
  price: null,
  description: null,
  attributes: {},
  ...more,
});

describe('words', () => {
  it('lose plural, case and gender in English and in Russian', () => {
    expect(normaliseWord('Lanterns')).toBe(normaliseWord('LANTERN'));
    expect(normaliseWord('boxes')).toBe(normaliseWord('box'));
    expect(normaliseWord('glass')).toBe('glass');
    expect(normaliseWord('красная')).toBe(normaliseWord('Красные'));
    expect(normaliseWord('свечами')).toBe(normaliseWord('свеча'));
    expect(normaliseWord('ёлки')).toBe(normaliseWord('елка'));
    expect(normaliseWord('чай')).toBe('чай');
  });
});

describe('similar by content', () => {
  const products = [
    product('Red metal lantern', { category: 'home.light', price: 5 }),
    product('White metal lanterns', { category: 'home.light', price: 5.5 }),
    product('Красная кружка', { category: 'кухня', attributes: { brand: 'Лада' } }),
    product('Кружки красные большие', { category: 'кухня', attributes: { brand: 'лада' } }),
    product('Paper napkins', { category: 'party', price: 1 }),
    product('!!!'),
  ];
  const { ids, weights } = contentNeighbours(contentVectors(products), 3);

  it('finds the pair in each language first, symmetrically, and nothing for what says nothing', () => {
    expect(ids[0]![0]).toBe(1);
    expect(ids[1]![0]).toBe(0);
    expect(ids[2]![0]).toBe(3);
    expect(ids[3]![0]).toBe(2);
    expect(weights[0]![0]).toBeCloseTo(weights[1]![0]!, 6);
    expect([...ids[5]!]).toEqual([]);
    for (const list of weights) for (const value of list) expect(value > 0 && value < 1.0001).toBe(true);
  });

  it('gives identical products similarity 1, and bears none', () => {
    const twins = contentNeighbours(
      contentVectors([product('Tea pot'), product('tea pots'), product('Cake')]),
      2,
    );
    expect(twins.weights[0]![0]).toBeCloseTo(1, 6);
    expect(contentNeighbours(contentVectors([]), 3).ids).toEqual([]);
  });

  it('finds what comparing everything with everything finds, but where only a common term is shared', () => {
    const random = Random.fromSeed(3);
    const word = () => `word${Math.floor(30 * random.uniform() ** 2)}`;
    const many = Array.from({ length: 60 }, () => product(`${word()} ${word()} ${word()}`));
    const vectors = contentVectors(many);
    const shared = (term: number) => vectors.filter(({ terms }) => terms.includes(term)).length;
    const isCommon = new Map(
      vectors.flatMap(({ terms }) => [...terms]).map((term) => [term, shared(term) > 12]),
    );
    expect(new Set(isCommon.values()).size).toBe(2);
    const found = contentNeighbours(vectors, 5, 12);
    vectors.forEach((own, at) => {
      const all = vectors.map((other, number) => {
        const both = [...own.terms.keys()].filter((k) => other.terms.includes(own.terms[k]!));
        const dot = both.reduce(
          (sum, k) => sum + own.weights[k]! * other.weights[other.terms.indexOf(own.terms[k]!)]!,
          0,
        );
        return { number, dot: both.some((k) => !isCommon.get(own.terms[k]!)) && number !== at ? dot : 0 };
      });
      const best = all
        .filter(({ dot }) => dot > 0)
        .sort((a, b) => b.dot - a.dot)
        .slice(0, 5);
      expect([...found.weights[at]!]).toEqual(best.map(({ dot }) => expect.closeTo(dot, 5)));
      for (const [k, number] of found.ids[at]!.entries())
        expect(all[number]!.dot).toBeCloseTo(found.weights[at]![k]!, 5);
    });
  });

  it('counts less the more customers a product has had', () => {
    expect(contentShare(0)).toBe(1);
    expect(contentShare(10)).toBe(0.5);
    expect(contentShare(1000)).toBeLessThan(0.01);
  });
});
